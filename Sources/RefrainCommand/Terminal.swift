import ArgumentParser
import RefrainCore
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Standard output and standard error, without buffers of their own.
///
/// A reader that went away (`refrain … | head`) ends the output, not the work: what cannot be written is dropped.
enum Terminal {
    /// Writes a line to standard output.
    static func print(_ line: String) { self.write(Array(line.utf8) + [UInt8(ascii: "\n")]) }

    /// Writes one JSON object and a line feed to standard output.
    static func print(_ object: JSONObject) {
        self.write(JSONValue.object(object).encoded() + [UInt8(ascii: "\n")])
    }

    /// Writes bytes to standard output.
    static func write(_ bytes: [UInt8]) { self.write(bytes, to: .standardOutput) }

    /// Writes a line to standard error, behind the command's name.
    static func complain(_ message: String) {
        self.write(Array("refrain: \(message)\n".utf8), to: .standardError)
    }

    /// Writes text to standard error as it is.
    static func status(_ text: String) { self.write(Array(text.utf8), to: .standardError) }

    /// Whether a person reads standard error.
    static var isInteractive: Bool { isatty(FileDescriptor.standardError.rawValue) == 1 }

    /// The columns of the terminal on standard error; 80 where they are not known.
    static var width: Int {
        var size = winsize()
        let status = ioctl(FileDescriptor.standardError.rawValue, UInt(TIOCGWINSZ), &size)
        return status == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    private static func write(_ bytes: [UInt8], to descriptor: FileDescriptor) {
        do {
            try descriptor.writeAll(bytes)
        } catch {
            // Nobody reads it any more; see the type's comment.
        }
    }
}

/// What a command reads.
enum CommandInput {
    /// The whole of the file at `path`, or of standard input where it is `-`.
    ///
    /// - Throws: `ValidationError`, so that the command exits with status 2, where it cannot be read.
    static func read(_ path: String) throws -> [UInt8] {
        do {
            return try FileContents.read(path)
        } catch {
            throw ValidationError("cannot read \(path == "-" ? "standard input" : path): \(error)")
        }
    }
}
