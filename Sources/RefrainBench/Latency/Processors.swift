import Foundation

/// The processors that this process may run on.
package enum Processors {
    /// How many there are now: those that the machine has switched on, without those that `taskset`, a container or the
    /// like keeps this process from. A share of their time that it may not exceed is not looked at.
    package static var available: Int {
        // sched_getaffinity(2) and its macros are not there for Swift; Linux tells the same in a file.
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let online = ProcessInfo.processInfo.activeProcessorCount
        return status.flatMap(Self.allowed(in:)).map { min($0, online) } ?? online
    }

    /// How many processors a `/proc/PID/status` allows: the bits of its mask, in hexadecimal. Nil where it has none.
    static func allowed(in status: String) -> Int? {
        let name = "Cpus_allowed:"
        guard let line = status.split(whereSeparator: \.isNewline).first(where: { $0.hasPrefix(name) }) else {
            return nil
        }
        let count = line.dropFirst(name.count).reduce(0) { $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount }
        return count > 0 ? count : nil
    }
}
