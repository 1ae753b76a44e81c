import RefrainCore
import TestSupport
import Testing

/// Runs `body` with the base URL of a simulated Claude in a process of its own, which takes so long for each answer.
func withSimulatedClaude(
    latency: String, _ options: String..., body: (String) async throws -> Void
) async throws {
    let arguments = ["simulate", "--port", "0", "--latency", latency, "--json"] + options
    try await withChildProcess(try BuiltProducts.path(of: "refrain"), arguments) { process in
        for await line in process.output {
            guard let url = try JSONValue(Array(line.utf8)).object?["base_url"]?.string else { continue }
            return try await body(url)
        }
        Issue.record("the simulator did not start")
    }
}
