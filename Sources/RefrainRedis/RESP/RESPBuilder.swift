/// Makes values of the parts of replies, as hiredis reports them: from the outside in, and from left to right.
final class RESPBuilder {
    private struct OpenArray {
        var elements: [RESPValue] = []
        var missing: Int
    }

    let limits: RESPLimits
    /// Why a part was refused.
    private(set) var failure: RESPError.Code?
    /// The bytes that the reply in hand may still take.
    private(set) var bytesLeft: Int
    private var elementsLeft: Int
    private var open: [OpenArray] = []
    private var reply: RESPValue?

    init(limits: RESPLimits) {
        self.limits = limits
        self.bytesLeft = limits.maximumReplyBytes
        self.elementsLeft = limits.maximumElements
    }

    /// The reply that is complete. The next part begins another.
    func takeReply() -> RESPValue? {
        defer {
            self.reply = nil
            self.bytesLeft = self.limits.maximumReplyBytes
            self.elementsLeft = self.limits.maximumElements
        }
        return self.reply
    }

    /// A value that holds no others, and `bytes` of its own. False where it is refused.
    func add(_ bytes: Int, _ value: () -> RESPValue) -> Bool {
        guard self.charge(bytes) else { return false }
        self.add(value())
        return true
    }

    /// An array of so many values begins. False where it is refused.
    func begin(_ count: Int) -> Bool {
        guard self.open.count < self.limits.maximumDepth else { return self.refuse(.tooDeep) }
        guard count <= self.elementsLeft else { return self.refuse(.tooManyElements) }
        guard self.charge(0) else { return false }
        self.elementsLeft -= count
        guard count > 0 else {
            self.add(.array([]))
            return true
        }
        self.open.append(OpenArray(missing: count))
        return true
    }

    private func charge(_ bytes: Int) -> Bool {
        let (cost, overflow) = bytes.addingReportingOverflow(MemoryLayout<RESPValue>.stride)
        guard !overflow, cost <= self.bytesLeft else { return self.refuse(.tooLarge) }
        self.bytesLeft -= cost
        return true
    }

    private func refuse(_ code: RESPError.Code) -> Bool {
        self.failure = code
        return false
    }

    private func add(_ value: RESPValue) {
        var value = value
        while let last = self.open.indices.last {
            self.open[last].elements.append(value)
            self.open[last].missing -= 1
            guard self.open[last].missing == 0 else { return }
            value = .array(self.open.removeLast().elements)
        }
        self.reply = value
    }
}
