/// The beginning of a streamed answer.
struct FlightHead: Sendable {
    var status: Int
    var headers: [HTTPHeader]
}

/// A whole answer, with what is known about it.
struct FlightAnswer: Sendable {
    /// Where it was stored when the flight found it; nil for an answer from upstream.
    var stored: (tier: CacheTier, envelope: Envelope)?
    /// What the body is.
    var form: Envelope.Form
    /// The header fields that go with the body.
    var headers: [HTTPHeader]
    /// The body's bytes.
    var body: [UInt8]
    /// What it is about; nil where the body could not be read as a message.
    var details: Envelope.Details?
}

/// Why an upstream call brought no answer.
struct FlightFailure: Sendable {
    /// What the callers are given.
    var error: any Error
    /// It concerns the credential that the call was made with.
    var concernsCredential = false
    /// The call could not be made: its function threw before a response was there.
    var isThrown = false
    /// It is likely to pass, so that a stale answer may stand in for it.
    var isTransient = false
    /// What it is counted as.
    var refusal = CacheReason.failed

    /// The same for a caller with another credential than the call's, without what is the caller's own.
    var forOthers: FlightFailure {
        guard let answer = self.error as? UpstreamResponseError else { return self }
        var failure = self
        failure.error = UpstreamResponseError(
            status: answer.status, headers: HeaderRules.sharedByError(answer.headers), body: answer.body)
        return failure
    }
}

/// How a flight ended.
enum FlightEnding: Sendable {
    /// With an answer.
    case answer(FlightAnswer)
    /// With a stream that was complete and cannot be made into a message.
    case eventsOnly
    /// Without an answer.
    case failed(FlightFailure)
}

/// What a flight has for a caller that wants a whole message.
enum FlightOutcome: Sendable {
    case wait
    case ended(FlightEnding)
}

/// What a flight has for a caller that wants a stream.
enum FlightStart: Sendable {
    /// Nothing yet. `mayBeLong`: it waits for another's call, which has sent nothing.
    case wait(mayBeLong: Bool)
    /// The stream has begun.
    case head(FlightHead)
    /// It ended without a stream: with a whole answer, or failed.
    case ended(FlightEnding)
}

/// What a flight has for a caller that reads a stream.
enum FlightNext: Sendable {
    /// Nothing yet: see ``FlightStart/wait(mayBeLong:)``.
    case wait(mayBeLong: Bool)
    case event([UInt8])
    /// The stream is over: all of it was read.
    case finished
    /// It ended without a stream: with a whole answer to replay, or failed.
    case ended(FlightEnding)
    /// The caller fell too far behind.
    case tooSlow
}
