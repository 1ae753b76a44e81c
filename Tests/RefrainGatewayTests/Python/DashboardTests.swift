import Refrain
import RefrainCore
import RefrainSimulator
import TestSupport
import Testing

/// The dashboard in a real browser, on a gateway in front of a simulated Claude.
@Suite(.timeLimit(.minutes(3))) struct DashboardTests {
    private static let chromium = ["chromium", "chromium-browser", "google-chrome"].lazy
        .compactMap { Executables.path(of: $0) }.first

    @Test(.enabled(if: Self.chromium != nil && PythonSDK.shared != nil, "needs chromium and python3"))
    func `the page shows what the API tells`() async throws {
        let python = try #require(PythonSDK.shared)
        try await Simulator.withServer(SimulatorConfiguration(latency: .milliseconds(5), tokensPerSecond: nil)) {
            simulator in
            try await GatewayFixture.withTransport(CurlTransport(), upstream: simulator.baseURL) { gateway in
                let output = try await python.run("dashboard_check.py", ["http://127.0.0.1:\(gateway.port)"])
                #expect(output.status == 0, "\(output.standardOutput)\n\(output.standardError)")
            }
        }
    }
}
