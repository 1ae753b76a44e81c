import Foundation

/// Files of traces, which are plain or compressed with gzip or xz.
///
/// The two formats are expanded by the programs `gzip` and `xz`: every system that can fetch such a file has them, and
/// xz has no library that macOS brings along.
package enum CompressedFile {
    /// The content of the file at `path`, expanded where its name ends in `.gz` or `.xz`.
    ///
    /// - Throws: ``BenchError/Code/missingData`` where there is no such file, ``BenchError/Code/missingProgram`` where the
    ///   program that expands it is not installed, ``BenchError/Code/unreadable`` where reading or expanding it fails.
    package static func read(_ path: String) throws(BenchError) -> [UInt8] {
        guard FileManager.default.fileExists(atPath: path) else {
            throw BenchError(.missingData, "there is no file \(path)")
        }
        if path.hasSuffix(".gz") { return try Self.expand(path, by: "gzip") }
        if path.hasSuffix(".xz") { return try Self.expand(path, by: "xz") }
        do {
            return Array(try Data(contentsOf: URL(filePath: path)))
        } catch {
            throw BenchError(.unreadable, "\(path) cannot be read: \(error.localizedDescription)")
        }
    }

    /// Where `program` is, by the folders of `PATH`; nil where it is in none of them.
    private static func locate(_ program: String) -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return folders.split(separator: ":").lazy.map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func expand(_ path: String, by program: String) throws(BenchError) -> [UInt8] {
        guard let executable = Self.locate(program) else {
            throw BenchError(
                .missingProgram, "\(path) is compressed, and the program \(program) that expands it is not installed")
        }
        let process = Process()
        process.executableURL = URL(filePath: executable)
        process.arguments = ["-dc", "--", path]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        let data: Data?
        do {
            try process.run()
            data = try output.fileHandleForReading.readToEnd()
        } catch {
            throw BenchError(.unreadable, "\(path) cannot be expanded: \(error.localizedDescription)")
        }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw BenchError(.unreadable, "\(path) cannot be expanded: \(program) says that it is damaged")
        }
        return data.map { Array($0) } ?? []
    }
}
