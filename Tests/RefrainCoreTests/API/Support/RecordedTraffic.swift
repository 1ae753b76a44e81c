import Foundation
import RefrainCore
import RefrainKeys

/// Recorded and hand-written traffic that lies beside the checkout on the project's own machines, in a folder called
/// `shared`. It belongs to others and is not part of the project, so tests that read it are skipped where it is not.
enum RecordedTraffic {
    /// The folder; nil where there is none.
    static let folder: URL? = {
        var directory = URL(filePath: #filePath)
        while directory.path.count > 1 {
            directory.deleteLastPathComponent()
            let shared = directory.appending(path: "shared")
            if FileManager.default.fileExists(atPath: shared.appending(path: "fixtures").path) { return shared }
        }
        return nil
    }()

    static var isThere: Bool { Self.folder != nil }

    /// A stream by the name of its file and its place in it.
    struct Stream: Sendable {
        var name: String
        var bytes: [UInt8]
    }

    /// A plain message.
    struct Plain: Sendable {
        var name: String
        var json: [UInt8]
    }

    /// All streams: of the fixture folders, and of the cassettes and tar files of the traces.
    static func streams() throws -> [Stream] { try Self.loadedStreams.get() }

    /// All plain messages.
    static func plainMessages() throws -> [Plain] { try Self.loadedMessages.get() }

    private static let loadedStreams = Result { try Self.loadStreams() }
    private static let loadedMessages = Result { try Self.loadMessages() }
    private static let loadedCassettes = Result { try Self.loadCassettes() }
    private static func cassettes() throws -> [JSONCursor] { try Self.loadedCassettes.get() }

    private static func loadStreams() throws -> [Stream] {
        var streams: [Stream] = []
        for file in try Self.fixtures() {
            let bytes = try [UInt8](Data(contentsOf: file))
            let name = file.lastPathComponent
            if name.hasSuffix(".sse") || file.path.contains("sse/") {
                streams.append(Stream(name: name, bytes: bytes))
            } else if name.hasSuffix(".response.txt"), let body = Self.body(bytes), body.starts(with: "event:".utf8) {
                streams.append(Stream(name: name, bytes: body))
            } else if name.hasSuffix(".chunks.txt") {
                streams += Self.chunks(name, bytes)
            }
        }
        for cassette in try Self.cassettes() where cassette["resp_kind"]?.hasContent("sse") == true {
            let name = "\(cassette["cassette"]?.string ?? "") \(cassette["i"]?.int ?? 0)"
            streams.append(Stream(name: name, bytes: Array((cassette["resp"]?.string ?? "").utf8)))
        }
        for (name, bytes) in try Self.tar("vercel_anthropic_stream_fixtures.tar.xz") where name.hasSuffix(".chunks.txt")
        {
            streams += Self.chunks("tar/" + name, bytes)
        }
        return streams
    }

    private static func loadMessages() throws -> [Plain] {
        var messages: [Plain] = []
        for file in try Self.fixtures() {
            let bytes = try [UInt8](Data(contentsOf: file))
            let name = file.lastPathComponent
            if name.hasSuffix(".json") { messages.append(Plain(name: name, json: bytes)) }
            if name.hasSuffix(".response.txt"), let body = Self.body(bytes), body.first == UInt8(ascii: "{") {
                messages.append(Plain(name: name, json: body))
            }
        }
        for cassette in try Self.cassettes() {
            guard let response = cassette["resp"], response.kind == .object else { continue }
            let name = "\(cassette["cassette"]?.string ?? "") \(cassette["i"]?.int ?? 0)"
            messages.append(Plain(name: name, json: Array(response.raw)))
        }
        for (name, bytes) in try Self.tar("vercel_anthropic_stream_fixtures.tar.xz") where name.hasSuffix(".json") {
            messages.append(Plain(name: name, json: bytes))
        }
        return messages.filter { (try? MessageSummary(json: $0.json))?.isMessage == true }
    }

    /// The recorded request bodies whose exact bytes are known.
    static func requestBodies() throws -> [[UInt8]] {
        try Self.cassettes().compactMap { $0["raw"]?.string.map { Array($0.utf8) } }
    }

    private static func fixtures() throws -> [URL] {
        guard let folder else { return [] }
        let root = folder.appending(path: "fixtures")
        let names = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        return names.sorted().map { root.appending(path: $0) }.filter { !$0.hasDirectoryPath }
            .filter { ["txt", "sse", "json"].contains($0.pathExtension) }
    }

    /// The body of a recorded HTTP response.
    private static func body(_ response: [UInt8]) -> [UInt8]? {
        guard let range = response.firstRange(of: Array("\n\n".utf8)) else { return nil }
        return Array(response[range.upperBound...])
    }

    /// The streams of a file with the data of one event on each line. Some hold one stream after another.
    private static func chunks(_ name: String, _ file: [UInt8]) -> [Stream] {
        var streams: [[UInt8]] = [[]]
        var hasStopped = false
        for line in file.split(separator: 0x0A) where line.contains(where: { $0 > 0x20 }) {
            guard let type = try? JSONDocument(Array(line)).root["type"]?.string else { continue }
            if hasStopped { streams.append([]) }
            hasStopped = type == "message_stop"
            streams[streams.count - 1] += Array("event: \(type)\ndata: ".utf8) + line + Array("\n\n".utf8)
        }
        return streams.enumerated().map { Stream(name: "\(name) \($0.offset)", bytes: $0.element) }
    }

    private static func loadCassettes() throws -> [JSONCursor] {
        guard let file = Self.folder?.appending(path: "traces/llm/anthropic_cassettes.jsonl.xz") else { return [] }
        return try Self.decompressed(file).split(separator: 0x0A).map { try JSONDocument(Array($0)).root }
    }

    private static func tar(_ name: String) throws -> [(name: String, bytes: [UInt8])] {
        guard let file = Self.folder?.appending(path: "traces/llm/\(name)") else { return [] }
        let archive = try Self.decompressed(file)
        var files: [(String, [UInt8])] = []
        var at = 0
        while at + 512 <= archive.count, archive[at] != 0 {
            let name = String(decoding: archive[at..<at + 100].prefix { $0 != 0 }, as: UTF8.self)
            let octal = String(decoding: archive[at + 124..<at + 135].filter { 0x30...0x37 ~= $0 }, as: UTF8.self)
            let size = Int(octal, radix: 8) ?? 0
            if archive[at + 156] == UInt8(ascii: "0") {
                files.append((name, Array(archive[at + 512..<at + 512 + size])))
            }
            at += 512 + (size + 511) / 512 * 512
        }
        return files
    }

    private static func decompressed(_ file: URL) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["xz", "-dc", file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return [UInt8](bytes)
    }
}
