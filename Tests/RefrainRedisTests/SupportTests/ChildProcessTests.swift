import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite(.timeLimit(.minutes(1))) struct ChildProcessTests {
    @Test func linesOfBothOutputsAndTheStatusArrive() async throws {
        let process = try await ChildProcess.start(
            "sh", ["-c", "echo one; echo two; echo oops >&2; printf end; exit 3"])
        #expect(await self.all(process.output) == ["one", "two", "end"])
        #expect(await self.all(process.errors) == ["oops"])
        #expect(await process.waitUntilExit() == 3)
        #expect(process.status == 3)
    }

    @Test func outputGoesToAFile() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("refrain-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let process = try await ChildProcess.start(
            "sh", ["-c", "echo one; echo two >&2"], output: .file(file), errors: .file(file))
        #expect(await process.waitUntilExit() == 0)
        #expect(try String(contentsOf: file, encoding: .utf8) == "one\ntwo\n")
        #expect(await self.all(process.output).isEmpty)
    }

    @Test func theEnvironmentIsTheTestsAndWhatIsAdded() async throws {
        let process = try await ChildProcess.start(
            "sh", ["-c", "echo $REFRAIN_TEST; echo $HOME"], environment: ["REFRAIN_TEST": "yes"])
        #expect(await self.all(process.output) == ["yes", ProcessInfo.processInfo.environment["HOME"] ?? ""])
    }

    @Test func whatCannotBeStartedThrows() async {
        await #expect(throws: ChildProcess.Failure.self) { try await ChildProcess.start("/no/such/program") }
        await #expect(throws: ChildProcess.Failure.self) { try await ChildProcess.start("no-such-program") }
    }

    @Test func aRequestToEndArrives() async throws {
        // The threads that run tasks block this signal; a child must not.
        let process = try await ChildProcess.start("sleep", ["1000"])
        process.terminate()
        #expect(await process.waitUntilExit() == 128 + SIGTERM)
    }

    @Test func aFrozenProcessIsStoppedAndCanBeKilled() async throws {
        try await withChildProcess("sleep", ["1000"]) { process in
            process.freeze()
            process.freeze()
            #expect(self.state(of: process.pid).map { $0 == "T" } ?? true)
            process.thaw()
            process.freeze()
            #expect(self.state(of: process.pid).map { $0 == "T" } ?? true)
            #expect(await process.kill() == 128 + SIGKILL)
            // Nobody is left to be frozen, and that is no failure.
            process.freeze()
            #expect(!process.signal(0))
        }
    }

    @Test func itEndsWithItsLastHolder() async throws {
        var process: ChildProcess? = try await ChildProcess.start("sleep", ["1000"])
        let output = try #require(process?.output)
        process = nil
        // Its output ends when it does.
        #expect(await self.all(output).isEmpty)
    }

    @Test func itEndsWhenTheBodyThrowsOrIsCancelled() async throws {
        struct Failure: Error {}
        var output: AsyncStream<String>?
        await #expect(throws: Failure.self) {
            try await withChildProcess("sleep", ["1000"]) { process in
                output = process.output
                throw Failure()
            }
        }
        #expect(await self.all(try #require(output)).isEmpty)
        let (started, start) = AsyncStream.makeStream(of: ChildProcess.self)
        let task = Task {
            try await withChildProcess("sleep", ["1000"]) { process in
                start.yield(process)
                try await Task.sleep(for: .seconds(1_000))
            }
        }
        var iterator = started.makeAsyncIterator()
        let process = try #require(await iterator.next())
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(process.status == 128 + SIGKILL)
    }

    #if os(Linux)
        @Test func itInheritsNoDescriptor() async throws {
            // As a socket of a test would be.
            let descriptor = open("/dev/null", O_RDONLY)
            defer { close(descriptor) }
            let process = try await ChildProcess.start("ls", ["/proc/self/fd"])
            // The fourth is the directory that it lists.
            #expect(await self.all(process.output) == ["0", "1", "2", "3"])
        }
    #endif

    @Test func theCommandOfThePackageIsFoundAndRuns() async throws {
        let process = try await ChildProcess.start(try BuiltProducts.path(of: "refrain"), ["--help"])
        let lines = await self.all(process.output)
        #expect(await process.waitUntilExit() == 0)
        #expect(lines.contains { $0.contains("refrain") })
        #expect(throws: BuiltProducts.Missing.self) { try BuiltProducts.path(of: "no-such-product") }
    }

    private func all(_ lines: AsyncStream<String>) async -> [String] {
        await lines.reduce(into: []) { $0.append($1) }
    }

    /// What `/proc` says of a process; nil where there is no such thing.
    private func state(of pid: pid_t) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return nil }
        return text.split(separator: ")").last?.split(separator: " ").first.map(String.init)
    }
}
