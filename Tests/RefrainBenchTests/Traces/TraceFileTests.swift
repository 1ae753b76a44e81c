import Foundation
import RefrainBench
import Testing

@Suite struct TraceFileTests {
    /// A folder that is removed with its files.
    private final class Folder {
        let path: String
        init() throws {
            let url = FileManager.default.temporaryDirectory.appending(path: "refrain-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            self.path = url.path
        }
        deinit {
            do { try FileManager.default.removeItem(atPath: self.path) } catch { Issue.record(error) }
        }

        /// Writes a file, and compresses it with the program.
        func write(_ name: String, _ bytes: [UInt8], with program: String? = nil) throws -> String {
            let file = "\(self.path)/\(name)"
            try Data(bytes).write(to: URL(filePath: file))
            guard let program else { return file }
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = [program, file]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
            return file + (program == "xz" ? ".xz" : ".gz")
        }
    }

    @Test func readsPlainAndCompressedFiles() throws {
        let folder = try Folder()
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) }
        #expect(try CompressedFile.read(try folder.write("plain", bytes)) == bytes)
        #expect(try CompressedFile.read(try folder.write("one", bytes, with: "gzip")) == bytes)
        #expect(try CompressedFile.read(try folder.write("two", bytes, with: "xz")) == bytes)
        #expect(try CompressedFile.read(try folder.write("empty", [], with: "gzip")) == [])
    }

    @Test func saysWhatIsWrong() throws {
        let folder = try Folder()
        func code(_ body: () throws -> Void) -> BenchError.Code? {
            do { try body() } catch { return (error as? BenchError)?.code }
            return nil
        }
        #expect(code { _ = try CompressedFile.read("\(folder.path)/absent.gz") } == .missingData)
        let damaged = try folder.write("damaged.gz", Array("no gzip".utf8))
        #expect(code { _ = try CompressedFile.read(damaged) } == .unreadable)
        let whole = try folder.write("cut", [UInt8](repeating: 7, count: 100_000), with: "xz")
        let data = try Data(contentsOf: URL(filePath: whole))
        try data.prefix(data.count - 20).write(to: URL(filePath: whole))
        #expect(code { _ = try CompressedFile.read(whole) } == .unreadable)
        _ = try folder.write("multi1.trace", Array("1\n2\nx\n".utf8), with: "gzip")
        let multi1 = try #require(EvictionTraceFile.all.first { $0.name == "multi1" })
        #expect(code { _ = try multi1.read(folder: folder.path) } == .malformed)
    }

    @Test func aMissingTraceSaysWhereToGetIt() throws {
        for file in EvictionTraceFile.all {
            let error = #expect(throws: BenchError.self) { try file.read(folder: "/nowhere") }
            #expect(error?.code == .missingData)
            #expect(error?.message.contains("https://github.com/") == true)
            #expect(error?.message.contains(file.file) == true)
        }
        for workload in RecordedWorkload.allCases {
            let error = #expect(throws: BenchError.self) { try workload.read(folder: "/nowhere") }
            #expect(error?.message.contains("https://github.com/") == true)
            #expect(error?.message.hasPrefix(workload.rawValue) == true)
        }
    }

    @Test func readsEachFormat() throws {
        let folder = try Folder()
        func keys(_ name: String) throws -> [Int32] {
            let file = try #require(EvictionTraceFile.all.first { $0.name == name })
            return try file.read(folder: folder.path).requests.map(\.key)
        }
        _ = try folder.write("cpp.trace", Array("7\n* a marker\n9\n7\n".utf8), with: "gzip")
        #expect(try keys("cpp") == [0, 1, 0])
        _ = try folder.write("oltp.lis", Array("5 3 0 1\n6 1 0 2\n".utf8), with: "gzip")
        #expect(try keys("OLTP") == [0, 1, 2, 1])
        _ = try folder.write("cache2k_web07.trace", [0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1], with: "xz")
        #expect(try keys("web07") == [0, 1, 0])
        let longs: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        _ = try folder.write("corda_trace_vaultservice", longs, with: "gzip")
        #expect(try keys("corda") == [0, 1, 0])
    }
}
