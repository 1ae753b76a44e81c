import Foundation
import TestSupport
import Testing

/// The executable, as a user starts it.
struct Refrain {
    var arguments: [String]
    var input: String?
    var environment: [String: String] = [:]

    init(_ arguments: String..., input: String? = nil, environment: [String: String] = [:]) {
        self.init(arguments, input: input, environment: environment)
    }

    init(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) {
        self.arguments = arguments
        self.input = input
        self.environment = environment
    }

    /// What a run of it left behind.
    struct Result {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Starts it. No Anthropic or Refrain variable of the test's own environment is passed on.
    func start() throws -> Running {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try BuiltProducts.path(of: "refrain"))
        process.arguments = self.arguments
        process.environment = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("ANTHROPIC_") && !$0.key.hasPrefix("REFRAIN_") }
            .merging(self.environment) { $1 }
        let running = Running(process: process)
        process.standardOutput = running.output
        process.standardError = running.errors
        let input = Pipe()
        process.standardInput = input
        try process.run()
        if let text = self.input { try input.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }
        try input.fileHandleForWriting.close()
        return running
    }

    /// Runs it to its end.
    func run() throws -> Result { try self.start().end() }

    struct Running {
        let process: Process
        let output = Pipe()
        let errors = Pipe()

        /// What it has written to standard output since last asked; waits for some. Empty at the end.
        func nextOutput() -> String { String(decoding: self.output.fileHandleForReading.availableData, as: UTF8.self) }

        /// Waits for its end.
        func end() throws -> Result {
            // Standard error is short; standard output is not, and has to be read while it runs.
            let output = try self.output.fileHandleForReading.readToEnd() ?? Data()
            let errors = try self.errors.fileHandleForReading.readToEnd() ?? Data()
            self.process.waitUntilExit()
            return Result(
                status: self.process.terminationStatus, output: String(decoding: output, as: UTF8.self),
                errors: String(decoding: errors, as: UTF8.self))
        }
    }
}
