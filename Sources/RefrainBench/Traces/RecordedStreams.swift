import RefrainKeys

/// Recorded streams of Claude's answers, for measuring how fast they are read and replayed.
package enum RecordedStreams {
    /// A stream by the name of its file and its place in it.
    package struct Stream: Sendable {
        /// The name of its file, and a number where that holds several.
        package var name: String
        /// Its bytes as server-sent events.
        package var bytes: [UInt8]
    }

    private static let file = "llm/vercel_anthropic_stream_fixtures.tar.xz"
    private static let source =
        "https://github.com/vercel/ai at ed857f50f112, folder packages/anthropic/src/__fixtures__ (Apache-2.0)"

    /// Reads all of them from the folder that holds the traces.
    ///
    /// - Throws: As ``PublicTrace/read(folder:)``.
    package static func read(folder: String) throws(BenchError) -> [Stream] {
        let archive = try PublicTrace.bytes(
            of: Self.file, in: folder, named: "stream fixtures", from: Self.source)
        return try Self.tar(archive).filter { $0.name.hasSuffix(".chunks.txt") }.flatMap(Self.streams)
    }

    /// A file has the data of one event on each line, and may hold one stream after another.
    private static func streams(_ file: (name: String, bytes: ArraySlice<UInt8>)) -> [Stream] {
        var streams: [[UInt8]] = []
        var hasStopped = true
        for line in file.bytes.split(separator: UInt8(ascii: "\n")) {
            // The files have lines that are no events.
            guard let type = (try? JSONDocument(Array(line)))?.root["type"]?.string else { continue }
            if hasStopped { streams.append([]) }
            hasStopped = type == "message_stop"
            streams[streams.count - 1] += Array("event: \(type)\ndata: ".utf8) + line + Array("\n\n".utf8)
        }
        return streams.enumerated().map { Stream(name: "\(file.name) \($0.offset)", bytes: $0.element) }
    }

    /// The files of a tar archive (POSIX ustar): a header of 512 bytes before each, and both in blocks of 512.
    private static func tar(_ archive: [UInt8]) throws(BenchError) -> [(name: String, bytes: ArraySlice<UInt8>)] {
        var files: [(String, ArraySlice<UInt8>)] = []
        var start = 0
        while start + 512 <= archive.count, archive[start] != 0 {
            let name = String(decoding: archive[start..<start + 100].prefix { $0 != 0 }, as: UTF8.self)
            let octal = archive[start + 124..<start + 136].filter { 0x30...0x37 ~= $0 }
            let size = octal.reduce(0) { $0 << 3 | Int($1 - 0x30) }
            guard size <= archive.count - start - 512 else {
                throw BenchError(.malformed, "\(Self.file) is cut short in \(name)")
            }
            files.append((name, archive[start + 512..<start + 512 + size]))
            start += 512 + (size + 511) / 512 * 512
        }
        return files
    }
}
