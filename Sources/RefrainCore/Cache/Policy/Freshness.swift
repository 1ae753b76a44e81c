/// What may be done with an entry, by its age and the caller's policy.
enum Freshness: Hashable {
    /// It may be given.
    case fresh
    /// It may be given while a new answer is fetched.
    case staleWhileRevalidate
    /// It may not be given, unless upstream fails.
    case expired

    /// Judges an entry at a moment.
    ///
    /// It is fresh until the earlier of its own time and its creation plus the caller's ttl, that moment excluded. What
    /// a store hands out is before its `staleUntil` already.
    static func of(_ envelope: Envelope, by policy: CachePolicy, at now: Timestamp) -> Freshness {
        // On the way of every hit, so without the 128-bit division that adding a duration to a timestamp takes.
        if now < envelope.freshUntil, now.since(envelope.created) < policy.acceptedAge { return .fresh }
        if policy.staleWhileRevalidate > .zero,
            now < Self.end(of: envelope, by: policy).advanced(by: policy.staleWhileRevalidate)
        {
            return .staleWhileRevalidate
        }
        return .expired
    }

    /// Whether an entry may stand in for an upstream failure at a moment.
    static func standsIn(_ envelope: Envelope, by policy: CachePolicy, at now: Timestamp) -> Bool {
        policy.staleIfError > .zero && now < Self.end(of: envelope, by: policy).advanced(by: policy.staleIfError)
    }

    /// How long ago the entry's answer was complete; zero where its clock is ahead of this machine's.
    static func age(of envelope: Envelope, at now: Timestamp) -> Duration { max(.zero, now.since(envelope.created)) }

    private static func end(of envelope: Envelope, by policy: CachePolicy) -> Timestamp {
        min(envelope.freshUntil, envelope.created.advanced(by: policy.acceptedAge))
    }
}
