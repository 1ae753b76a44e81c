/// Why a benchmark could not be run.
package struct BenchError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. Open: later versions may add kinds.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A short, stable name.
        package let description: String

        private init(_ description: String) { self.description = description }

        /// A data set is not there.
        package static let missingData = Code("missing data")
        /// A program that the benchmark calls is not installed.
        package static let missingProgram = Code("missing program")
        /// A file could not be read.
        package static let unreadable = Code("unreadable")
        /// A file does not hold what its name says.
        package static let malformed = Code("malformed")
        /// A trace has nothing that a cache could have stored.
        package static let nothingToStore = Code("nothing to store")
        /// What was measured came to a wrong result.
        package static let wrongResult = Code("wrong result")
    }

    /// What kind of failure.
    package let code: Code
    /// More about it, fit to be shown to a user.
    package let message: String

    /// Creates an error.
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    package var description: String { self.message }
}
