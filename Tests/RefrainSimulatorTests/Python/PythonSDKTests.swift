import RefrainSimulator
import TestSupport
import Testing

/// The official Python SDK against the simulation.
@Suite struct PythonSDKTests {
    // Needs python3 with venv, and PyPI (or an environment that an earlier run made). Where they are missing the test
    // is skipped with this name; REFRAIN_REQUIRE_PYTHON_SDK=1 makes it fail instead.
    @Test(.enabled(if: PythonSDK.shared != nil, "needs python3-venv and PyPI"))
    func `the official SDK works`() async throws {
        let sdk = try #require(PythonSDK.shared)
        let output = try await Simulator.withServer { simulator in
            try await sdk.run("sdk_check.py", [simulator.baseURL, "--faults"])
        }
        #expect(output.status == 0, "\(output.standardOutput)\n\(output.standardError)")
        #expect(output.standardOutput.contains("\"plain\": true"))
    }

    @Test(.enabled(if: PythonSDK.shared != nil, "needs python3-venv and PyPI"))
    func `the official SDK retries what fails at first`() async throws {
        let sdk = try #require(PythonSDK.shared)
        for fault: Fault in [.overloaded, .rateLimit(retryAfter: 1), .reset(), .cut(afterEvents: 0)] {
            try await Simulator.withServer { simulator in
                simulator.inject(.first(1, fault))
                let program = """
                    import anthropic, sys
                    client = anthropic.Anthropic(base_url=sys.argv[1], api_key="sk-check", max_retries=2)
                    message = client.messages.create(
                        model="claude-haiku-4-5", max_tokens=20, messages=[{"role": "user", "content": "Hello"}])
                    print(message.stop_reason)
                    """
                let output = try await sdk.run(["-c", program, simulator.baseURL])
                #expect(output.status == 0, "\(fault): \(output.standardError)")
                #expect(simulator.statistics.plainCalls == 2)
                #expect(simulator.statistics.faults == [fault.description: 1])
            }
        }
    }
}
