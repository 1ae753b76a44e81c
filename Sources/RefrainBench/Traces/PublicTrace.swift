/// A public set of recorded traffic: what it is, where it comes from, and how it is read.
package struct PublicTrace: Sendable {
    /// The name under which it is reported and chosen.
    package let name: String
    /// Where its file lies below the folder of the traces.
    package let file: String
    /// What kind of traffic it records.
    package let kind: TrafficKind
    /// What it is, in a few words.
    package let summary: String
    /// Where it comes from, for whoever has to fetch it: addresses, with the revision that the figures are of.
    package let source: String
    /// The licence of the data.
    package let licence: String
    private let parse: @Sendable (PublicTrace, [UInt8]) throws(BenchError) -> RequestTrace

    init(
        name: String, file: String, kind: TrafficKind, summary: String, source: String, licence: String,
        parse: @escaping @Sendable (PublicTrace, [UInt8]) throws(BenchError) -> RequestTrace
    ) {
        self.name = name
        self.file = file
        self.kind = kind
        self.summary = summary
        self.source = source
        self.licence = licence
        self.parse = parse
    }

    /// Reads the set from the folder that holds all of them.
    ///
    /// - Throws: ``BenchError/Code/missingData``, with a message that says where to get it, where its file is not there;
    ///   ``BenchError/Code/malformed``, with file and line, where the file does not have the format; and what
    ///   ``CompressedFile`` throws.
    package func read(folder: String) throws(BenchError) -> RequestTrace {
        try self.parse(self, try Self.bytes(of: self.file, in: folder, named: self.name, from: self.source))
    }

    /// The content of a file of a public set.
    static func bytes(
        of file: String, in folder: String, named name: String, from source: String
    ) throws(BenchError) -> [UInt8] {
        do throws(BenchError) {
            return try CompressedFile.read("\(folder)/\(file)")
        } catch {
            guard error.code == .missingData else { throw error }
            throw BenchError(
                .missingData,
                "the trace \(name) is not there: there is no \(file) in \(folder). It comes from \(source)")
        }
    }

    /// The set called `name`.
    ///
    /// - Throws: ``BenchError/Code/missingData`` with the names that there are.
    package static func named(_ name: String) throws(BenchError) -> PublicTrace {
        guard let trace = Self.all.first(where: { $0.name == name }) else {
            let names = Self.all.map(\.name).joined(separator: ", ")
            throw BenchError(.missingData, "there is no trace called \(name): the public ones are \(names)")
        }
        return trace
    }

    /// A trace of this set.
    func trace(
        isTimed: Bool, _ requests: [RequestTrace.Request], blocks: RequestTrace.BlockSize? = nil, note: String = ""
    ) -> RequestTrace {
        RequestTrace(
            name: self.name, kind: self.kind, isTimed: isTimed, requests: requests, blocks: blocks, note: note)
    }

    /// When the request at `index` of a trace without times is taken to come.
    static func untimed(_ index: Int) -> Int64 {
        Int64(index) * RequestTrace.untimedInterval.components.seconds * 1_000
    }
}
