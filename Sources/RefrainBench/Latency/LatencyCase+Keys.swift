import Crypto
import RefrainKeys

extension LatencyCase {
    /// The key of a request from its bytes, beside SHA-256 of the same bytes, which no key can be cheaper than.
    static func keys() -> [LatencyCase] {
        let deriver = KeyDeriver(KeyContext(scope: .shared("benchmark")))
        return SampleRequest.allCases.flatMap { kind in
            [("1 KB", 1), ("4 KB", 4), ("16 KB", 16), ("100 KB", 100), ("1 MB", 1_024)].map { size, kilobytes in
                let body = kind.body(bytes: kilobytes << 10)
                return LatencyCase(
                    .keys, "key, \(kind.rawValue) \(size)", bytes: body.count, reference: .hash(body),
                    aim: .ratio(kind == .chat ? 1.6 : 3, plus: 300)
                ) { count in
                    for _ in 0..<count {
                        guard case .key = deriver.derive(body) else { throw LatencyCase.wrong("no key") }
                    }
                }
            }
        }
    }

    /// What an operation throws that came to something else than it should.
    package static func wrong(_ what: String) -> BenchError { BenchError(.wrongResult, "while measuring: \(what)") }
}

extension LatencyCase.Reference {
    /// SHA-256 of the bytes.
    static func hash(_ bytes: [UInt8]) -> Self {
        @Sendable func start() -> UInt64 {
            SHA256.hash(data: bytes).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        }
        let expected = start()
        return Self("SHA-256") { count in
            for _ in 0..<count where start() != expected { throw LatencyCase.wrong("another hash") }
        }
    }
}
