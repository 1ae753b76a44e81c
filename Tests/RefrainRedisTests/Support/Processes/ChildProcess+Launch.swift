import Foundation
import TestSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

extension ChildProcess {
    /// The program's end of an output, and ours.
    struct Sink: Sendable {
        /// The descriptor that the program writes to.
        let descriptor: Int32
        /// What it has written, where that is asked for.
        let lines: AsyncStream<String>

        init(_ output: Output) throws {
            switch output {
            case .discarded: (self.descriptor, self.lines) = (try Self.open("/dev/null"), Self.nothing)
            case .file(let url): (self.descriptor, self.lines) = (try Self.open(url.path), Self.nothing)
            case .lines:
                var ends: [Int32] = [0, 0]
                guard pipe(&ends) == 0 else { throw Failure(executable: "a pipe", code: errno) }
                // For children that others start; ours inherit none but the standard descriptors.
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                self.descriptor = ends[1]
                let (stream, continuation) = AsyncStream.makeStream(of: String.self)
                self.lines = stream
                Self.read(ends[0], into: continuation)
            }
        }

        /// A stream that is over.
        private static var nothing: AsyncStream<String> { AsyncStream { $0.finish() } }

        private static func open(_ path: String) throws -> Int32 {
            let descriptor = Self.systemOpen(path)
            guard descriptor >= 0 else { throw Failure(executable: path, code: errno) }
            return descriptor
        }

        private static func systemOpen(_ path: String) -> Int32 {
            #if canImport(Glibc)
                Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            #elseif canImport(Musl)
                Musl.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            #else
                Darwin.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            #endif
        }

        /// Reads lines until every holder of the other end has let go of it.
        private static func read(_ descriptor: Int32, into lines: AsyncStream<String>.Continuation) {
            let thread = Thread {
                let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
                var rest: [UInt8] = []
                while true {
                    let data = file.availableData
                    guard !data.isEmpty else { break }
                    rest.append(contentsOf: data)
                    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                        lines.yield(String(decoding: rest[..<end], as: UTF8.self))
                        rest.removeSubrange(...end)
                    }
                }
                if !rest.isEmpty { lines.yield(String(decoding: rest, as: UTF8.self)) }
                lines.finish()
            }
            thread.stackSize = 256 << 10
            thread.start()
        }
    }

    /// A program, ready to be started.
    struct Launch: Sendable {
        var executable: String
        var arguments: [String]
        var environment: [String: String]
        var output: Sink
        var errors: Sink

        /// Starts it. The calling thread becomes its parent, and closes the program's ends of its outputs.
        func run() throws -> pid_t {
            defer {
                _ = close(self.output.descriptor)
                _ = close(self.errors.descriptor)
            }
            guard let path = Executables.path(of: self.executable) else {
                throw Failure(executable: self.executable, code: ENOENT)
            }
            var command = [path] + self.arguments
            #if os(Linux)
                // It sets the parent-death signal and becomes the program: the process id is the same.
                if let setpriv = Executables.path(of: "setpriv") {
                    command = [setpriv, "--pdeathsig", "KILL", "--"] + command
                }
            #endif
            return try self.spawn(command)
        }

        #if canImport(Glibc)
            /// `posix_spawn_file_actions_addclosefrom_np`, which glibc has since 2.34, and Swift's view of its headers not.
            private static var closeFrom:
                (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32)?
            {
                unsafeBitCast(
                    dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"),
                    to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32)?.self)
            }
        #endif

        private func spawn(_ command: [String]) throws -> pid_t {
            #if canImport(Darwin)
                var actions: posix_spawn_file_actions_t?
                var attributes: posix_spawnattr_t?
            #else
                var actions = posix_spawn_file_actions_t()
                var attributes = posix_spawnattr_t()
            #endif
            posix_spawn_file_actions_init(&actions)
            posix_spawnattr_init(&attributes)
            defer {
                posix_spawn_file_actions_destroy(&actions)
                posix_spawnattr_destroy(&attributes)
            }
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, self.output.descriptor, 1)
            posix_spawn_file_actions_adddup2(&actions, self.errors.descriptor, 2)
            var flags = Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
            #if canImport(Darwin)
                flags |= Int32(POSIX_SPAWN_CLOEXEC_DEFAULT)
            #elseif canImport(Glibc)
                _ = Self.closeFrom?(&actions, 3)
            #endif
            var signals = sigset_t()
            sigemptyset(&signals)
            posix_spawnattr_setsigmask(&attributes, &signals)
            for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE] { sigaddset(&signals, signal) }
            posix_spawnattr_setsigdefault(&attributes, &signals)
            posix_spawnattr_setflags(&attributes, Int16(flags))

            var argumentPointers = command.map { strdup($0) } + [nil]
            var environmentPointers = self.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
            defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
            var pid: pid_t = 0
            let code = posix_spawn(
                &pid, command[0], &actions, &attributes, &argumentPointers, &environmentPointers)
            guard code == 0 else { throw Failure(executable: self.executable, code: code) }
            return pid
        }
    }
}
