import Refrain
import RefrainCore
import RefrainSimulator
import TestSupport
import Testing

/// The official Python SDK against the gateway, in front of a simulated Claude.
@Suite(.timeLimit(.minutes(5))) struct GatewayPythonTests {
    @Test(.enabled(if: PythonSDK.shared != nil, "needs python3-venv and PyPI"))
    func `the official SDK cannot tell the gateway from the API`() async throws {
        let sdk = try #require(PythonSDK.shared)
        var configuration = SimulatorConfiguration(latency: .milliseconds(20), tokensPerSecond: nil)
        configuration.isDeterministic = true
        try await Simulator.withServer(configuration) { simulator in
            try await GatewayFixture.withTransport(CurlTransport(), upstream: simulator.baseURL) { gateway in
                let output = try await sdk.run(
                    "sdk_gateway.py", [simulator.baseURL, "http://127.0.0.1:\(gateway.port)"])
                #expect(output.status == 0, "\(output.standardOutput)\n\(output.standardError)")
            }
        }
    }

    /// Controls, connections and failures, with sockets of its own.
    @Test(.enabled(if: PythonSDK.shared != nil, "needs python3"))
    func `controls and connections do what the documents say`() async throws {
        let sdk = try #require(PythonSDK.shared)
        let output = try await sdk.run("controls_check.py", [try BuiltProducts.path(of: "refrain")])
        #expect(output.status == 0, "\(output.standardOutput)\n\(output.standardError)")
    }
}
