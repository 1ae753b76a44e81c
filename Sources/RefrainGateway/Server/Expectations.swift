/// Which of the requests that were received wait for `100 Continue`, in the order of their answers.
///
/// A client may send a request before the one in front of it is answered; an interim response in the middle of that
/// answer would be taken for a part of it, so it waits its turn.
struct Expectations {
    private var waiting: [Bool] = []

    /// A head was received. Returns whether `100 Continue` is to be sent now.
    ///
    /// - Parameter expects: Whether the client waits for it, and its body is wanted.
    mutating func began(expects: Bool) -> Bool {
        self.waiting.append(expects)
        return self.waiting.count == 1 && self.waiting[0]
    }

    /// An answer is whole. Returns whether the next request is to be sent `100 Continue` now.
    mutating func answered() -> Bool {
        guard !self.waiting.isEmpty else { return false }
        self.waiting.removeFirst()
        return self.waiting.first ?? false
    }
}
