import Foundation

/// Public data that lies beside the checkout on the project's own machines, in a folder called `shared`. It belongs to
/// others and is not part of the project, so tests that read it are skipped where it is not.
enum SharedData {
    static let folder: URL? = {
        var directory = URL(filePath: #filePath)
        while directory.path.count > 1 {
            directory.deleteLastPathComponent()
            let traces = directory.appending(path: "shared/traces")
            if FileManager.default.fileExists(atPath: traces.path) { return traces }
        }
        return nil
    }()

    struct Unreadable: Error {
        var name: String
        var status: Int32
    }

    /// The content of a file compressed with xz.
    static func decompressed(_ name: String) throws -> [UInt8] {
        guard let folder = Self.folder else { throw Unreadable(name: name, status: -1) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", folder.appending(path: name).path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0, !data.isEmpty else {
            throw Unreadable(name: name, status: process.terminationStatus)
        }
        return Array(data)
    }

    /// The lines of a compressed file.
    static func lines(_ name: String) throws -> [ArraySlice<UInt8>] {
        try Self.decompressed(name).split(separator: UInt8(ascii: "\n"))
    }

    /// The regular files of a compressed archive in the format of ustar (POSIX.1-1988), whose header is a block of 512
    /// bytes: the name at 0, the size in octal digits at 124, the kind at 156.
    static func archive(_ name: String) throws -> [(name: String, bytes: [UInt8])] {
        let bytes = try Self.decompressed(name)
        var files: [(name: String, bytes: [UInt8])] = []
        var at = 0
        while at + 512 <= bytes.count, bytes[at] != 0 {
            let name = String(decoding: bytes[at..<at + 100].prefix { $0 != 0 }, as: UTF8.self)
            let size = Int(
                String(decoding: bytes[at + 124..<at + 136].prefix { $0 != 0 && $0 != 0x20 }, as: UTF8.self), radix: 8)
            guard let size, at + 512 + size <= bytes.count else { throw Unreadable(name: name, status: -2) }
            if bytes[at + 156] == UInt8(ascii: "0") || bytes[at + 156] == 0 {
                files.append((name, Array(bytes[at + 512..<at + 512 + size])))
            }
            at += 512 + (size + 511) / 512 * 512
        }
        return files
    }
}
