import Foundation
import RefrainBench

/// The public traces, which lie beside the checkout on the project's own machines, in a folder called `shared`. They
/// belong to others and are not part of the project, so tests that read them are skipped where they are not.
enum RecordedTraces {
    /// The folder; nil where there is none.
    static let folder: String? = {
        var directory = URL(filePath: #filePath)
        while directory.path.count > 1 {
            directory.deleteLastPathComponent()
            let traces = directory.appending(path: "shared/traces")
            if FileManager.default.fileExists(atPath: traces.appending(path: "llm").path) { return traces.path }
        }
        return nil
    }()

    static var isThere: Bool { Self.folder != nil }

    /// Whether the long runs are wanted too: all traces, all lifetimes. They take minutes without optimisation.
    static let runsAll = ProcessInfo.processInfo.environment["REFRAIN_FIGURES"] == "1"
    static var allFigures: Bool { Self.isThere && Self.runsAll }

    /// Reads a public trace.
    static func read(_ trace: PublicTrace) throws -> RequestTrace { try trace.read(folder: Self.folder ?? "") }
}
