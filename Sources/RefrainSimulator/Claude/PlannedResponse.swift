package import RefrainCore

/// What a request is answered with, and when: all that the server has to do is to send it.
package struct PlannedResponse: Sendable {
    /// A piece of the body, sent at once.
    package struct Piece: Sendable {
        package var bytes: [UInt8]
        /// The output tokens to wait for before it is sent.
        package var tokens: Int
    }

    package var status: Int
    package var headers: [HTTPHeader]
    /// The events of a stream, or a whole body as one piece.
    package var pieces: [Piece]
    package var isStream = false
    /// Whether it is the answer of the model, which takes time and is what the prompt cache waits for.
    package var isAnswer = false
    /// The tokens that the answer reports.
    package var usage: Usage?
    /// What goes wrong while it is sent; errors of status are planned as such already.
    package var fault: Fault?
    /// What it adds to the prompt cache once it begins.
    package var writes: PromptCacheModel.Writes?

    /// The body, whole.
    package var body: [UInt8] { Array(self.pieces.map(\.bytes).joined()) }
}
