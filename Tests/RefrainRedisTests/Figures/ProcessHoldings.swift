import Foundation
import TestSupport

/// What this process holds of the machine. Nil where that is not told: it is read from `/proc`.
enum ProcessHoldings {
    /// The bytes of its own that are in memory.
    static func memory() -> Int? {
        #if os(Linux)
            // What cannot be read is not known.
            return try? ResidentMemory.bytes()
        #else
            return nil
        #endif
    }

    /// How many file descriptors it has open.
    static func descriptors() -> Int? {
        // What cannot be read is not known. The one that reads them is among them each time.
        try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }
}
