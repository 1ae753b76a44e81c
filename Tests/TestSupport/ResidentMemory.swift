#if os(Linux)
    import Foundation

    /// What this process takes of the machine's memory.
    package enum ResidentMemory {
        /// The bytes of this process that are in memory and no part of a file: the second field of `statm` less the third,
        /// in pages.
        package static func bytes() throws -> Int {
            let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
            let pages = text.split(separator: " ").compactMap { Int($0) }
            guard pages.count > 2 else { throw CocoaError(.fileReadCorruptFile) }
            return (pages[1] - pages[2]) * sysconf(Int32(_SC_PAGESIZE))
        }
    }
#endif
