import Foundation
import Refrain
import RefrainCore
import RefrainKeys
import RefrainSimulator
import Testing

/// Requests that real clients sent, which lie beside the checkout on the project's own machines, in a folder called
/// `shared`. They belong to others and are not part of the project, so these tests are skipped where they are not.
@Suite(.enabled(if: RecordedRequests.folder != nil)) struct RecordedRequestTests {
    @Test func marksAreAllThatChangesInRecordedRequests() throws {
        let bodies = try RecordedRequests.bodies()
        #expect(bodies.count > 20)
        // Every minimum, so that short recordings are marked too.
        for (name, body) in bodies {
            for minimum in [1, 1_024] {
                let planner = PromptCachePlanner(.automatic) { _ in minimum }
                let (sent, plan) = planner.apply(to: body)
                #expect(plan.marks.count <= 4 || plan.marks.allSatisfy { $0.purpose == .caller }, "\(name)")
                #expect(planner.apply(to: sent).body == sent, "\(name)")
                let isMarked = plan.marks.contains { $0.purpose == .caller }
                #expect(!isMarked || sent == body, "\(name)")
                let marked = try RequestTree(sent).withoutMarks()
                if !isMarked { #expect(marked.marks.map(\.path) == plan.marks.map(\.path), "\(name)") }
            }
        }
    }

    @Test func theAPITakesARecordedRequestWithMarksWhereItTakesItWithout() async throws {
        let bodies = try RecordedRequests.bodies()
        try await Simulator.withServer(SimulatorConfiguration(acceptsUnknownParameters: true)) { simulator in
            let transport = CurlTransport(.init(proxy: .none))
            for (name, body) in bodies {
                var statuses: [Int] = []
                for bytes in [body, PromptCachePlanner(.automatic) { _ in 1 }.apply(to: body).body] {
                    let response = try await transport.collect(
                        HTTPRequest(
                            method: "POST", url: simulator.baseURL + "/v1/messages",
                            headers: [
                                HTTPHeader("x-api-key", "sk-ant-test"), HTTPHeader("anthropic-version", "2023-06-01"),
                                HTTPHeader("content-type", "application/json"),
                            ], body: .bytes(bytes)
                        )
                    )
                    statuses.append(response.status)
                }
                #expect(statuses[0] == statuses[1], "\(name)")
            }
            await transport.shutdown()
        }
    }
}

private enum RecordedRequests {
    static let folder: URL? = {
        var directory = URL(filePath: #filePath)
        while directory.path.count > 1 {
            directory.deleteLastPathComponent()
            let fixtures = directory.appending(path: "shared/fixtures")
            if FileManager.default.fileExists(atPath: fixtures.path) { return fixtures }
        }
        return nil
    }()

    /// The bodies of recorded message calls.
    static func bodies() throws -> [(name: String, body: [UInt8])] {
        guard let folder = Self.folder,
            let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        else { return [] }
        var bodies: [(name: String, body: [UInt8])] = []
        for case let file as URL in files where file.lastPathComponent.hasSuffix(".request.txt") {
            let text = try String(contentsOf: file, encoding: .utf8).replacing("\r\n", with: "\n")
            guard let head = text.firstRange(of: "\n\n"), text.hasPrefix("POST") else { continue }
            let body = Array(text[head.upperBound...].utf8)
            guard let root = (try? JSONDocument(body))?.root, root["messages"] != nil else { continue }
            bodies.append((file.lastPathComponent, body))
        }
        return bodies.sorted { $0.name < $1.name }
    }
}
