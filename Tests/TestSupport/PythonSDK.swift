import Foundation

/// A Python with the official SDK in an environment of its own, made once and kept in the user's cache folder.
package struct PythonSDK: Sendable {
    /// What a program wrote, and how it ended.
    package struct Output: Sendable {
        package var status: Int32
        package var standardOutput: String
        package var standardError: String
    }

    private let python: URL

    /// The version that the checks were written against.
    private static let version = "2.11.0"

    /// The one of this process; nil where it cannot be made.
    package static let shared: PythonSDK? = {
        let sdk = PythonSDK.make()
        if sdk == nil, ProcessInfo.processInfo.environment["REFRAIN_REQUIRE_PYTHON_SDK"] == "1" {
            fatalError("REFRAIN_REQUIRE_PYTHON_SDK is set, and the Python SDK cannot be installed")
        }
        return sdk
    }()

    private static func make() -> PythonSDK? {
        let caches =
            FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
            ?? FileManager.default.temporaryDirectory
        let folder = caches.appendingPathComponent("refrain/python-sdk-\(Self.version)")
        let sdk = PythonSDK(python: folder.appendingPathComponent("bin/python3"))
        if sdk.isInstalled { return sdk }
        guard Self.succeeds("python3", ["-m", "venv", folder.path]) else { return nil }
        let arguments = [
            "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20",
            "anthropic==\(Self.version)",
        ]
        guard Self.succeeds(sdk.python.path, arguments) else { return nil }
        return sdk.isInstalled ? sdk : nil
    }

    private var isInstalled: Bool {
        FileManager.default.isExecutableFile(atPath: self.python.path)
            && Self.succeeds(
                self.python.path, ["-c", "import anthropic; assert anthropic.__version__ == '\(Self.version)'"])
    }

    private static func succeeds(_ program: String, _ arguments: [String]) -> Bool {
        let process = Self.process(program, arguments)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return false
        }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    private static func process(_ program: String, _ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        var environment = ProcessInfo.processInfo.environment
        // A proxy or a key of the machine has nothing to do with a server on this machine.
        for name in environment.keys where name.hasPrefix("ANTHROPIC_") { environment[name] = nil }
        environment["NO_PROXY"] = "127.0.0.1"
        environment["no_proxy"] = "127.0.0.1"
        process.environment = environment
        return process
    }

    /// Runs a program of the folder that the calling file is in.
    package func run(_ program: String, _ arguments: [String], file: String = #filePath) async throws -> Output {
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        return try await self.run([folder.appendingPathComponent(program).path] + arguments)
    }

    /// Runs Python. The task suspends meanwhile: the server that the program calls needs the threads.
    package func run(_ arguments: [String]) async throws -> Output {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("refrain-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { _ = try? FileManager.default.removeItem(at: folder) }
        let files = ["out", "err"].map { folder.appendingPathComponent($0) }
        let process = Self.process(self.python.path, arguments)
        for file in files { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in continuation.finish() }
        try process.run()
        for await _ in ended {}
        let texts = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
        return Output(status: process.terminationStatus, standardOutput: texts[0], standardError: texts[1])
    }
}
