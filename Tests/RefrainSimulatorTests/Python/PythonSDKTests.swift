import Foundation
import RefrainSimulator
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

/// A Python with the official SDK in an environment of its own, made once and kept in the user's cache folder.
struct PythonSDK: Sendable {
    /// What a program wrote, and how it ended.
    struct Output: Sendable {
        var status: Int32
        var standardOutput: String
        var standardError: String
    }

    private let python: URL

    /// The version that the checks were written against.
    private static let version = "2.11.0"

    static let shared: PythonSDK? = {
        let sdk = PythonSDK.make()
        if sdk == nil, ProcessInfo.processInfo.environment["REFRAIN_REQUIRE_PYTHON_SDK"] == "1" {
            Issue.record("the Python SDK cannot be installed")
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

    /// Runs a program of this folder.
    func run(_ program: String, _ arguments: [String]) async throws -> Output {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return try await self.run([folder.appendingPathComponent(program).path] + arguments)
    }

    /// Runs Python. The task suspends meanwhile: the server that the program calls needs the threads.
    func run(_ arguments: [String]) async throws -> Output {
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
