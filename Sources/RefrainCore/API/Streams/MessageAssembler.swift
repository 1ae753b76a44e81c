import RefrainKeys

/// Puts the events of a stream together to the message that they tell: a value, without I/O.
///
/// The message has the members of `message_start` in their order, the content blocks, and what `message_delta` adds.
/// Text, thinking, signatures, citations, redacted data and tool inputs keep their bytes: the escaped contents of the
/// fragments are joined as they stand, and a tool's input is the JSON text that its fragments spell, member order and
/// spaces included. Padding around events is left out.
///
/// Rules, from the API's documentation and from what official SDKs do:
/// - `usage` is that of `message_start` with the non-null members of the last `message_delta` that has them;
///   `stop_reason`, `stop_sequence` and `stop_details` are the last ones given; other members of a delta
///   (`container`, `context_management`, `input_transformations`, unknown ones) replace or are added unless null.
/// - A `fallback` block renames the message's model, as the plain answer does.
/// - Unknown events are ignored, and so are unknown members of a known delta (they describe the fragment). An unknown
///   delta, one in a block it is not known for, or a tool's input that is no JSON makes the stream
///   ``AssembledStream/eventsOnly``.
/// - Blocks start in the order of their indices; several may be open at once. Content that `message_start` brings is
///   kept as finished blocks.
///
/// It holds about as many bytes as the message has, at most its limit.
public struct MessageAssembler: Sendable {
    /// The most bytes that the message may have.
    public let maximumBytes: Int

    private enum Phase { case waiting, open, stopped }
    private var phase = Phase.waiting
    private var failure: APIErrorBody?
    private var incomplete: IncompleteReason?
    private var isEventsOnly = false
    private var hasBrokenInput = false
    private var byteCount = 0
    private var message = RawObject()
    private var usage: RawObject?
    private var blocks: [AssembledBlock] = []
    /// Whether `message_start` brought content; nothing documents how blocks after it would be counted.
    private var hasInitialContent = false

    /// Creates an assembler for one stream.
    public init(maximumBytes: Int = 67_108_864) {
        self.maximumBytes = maximumBytes
    }

    /// Whether `message_stop` came: the transfer was not cut short, whatever else is wrong with it.
    public var hasStopped: Bool { self.phase == .stopped }

    /// Takes the next event of the stream.
    public mutating func consume(_ event: ServerSentEvent) {
        guard !event.data.isEmpty, self.failure == nil else { return }
        let data: JSONDocument
        do throws(JSONError) {
            var document = try JSONDocument(event.data, limits: .response)
            // What is copied on must fit a `data:` line again.
            if event.data.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
                document = try JSONDocument(event.data.withoutLineBreaks(), limits: .response)
            }
            data = document
        } catch {
            if event.name.map(Self.known.contains) ?? true { self.drop(.invalidEvent) }
            return
        }
        guard data.root.kind == .object, let type = data.root["type"]?.string ?? event.name else {
            if event.name.map(Self.known.contains) ?? true { self.drop(.invalidEvent) }
            return
        }
        switch type {
        case "error":
            self.failure = APIErrorBody(data.root)
            self.forget()
        case "message_stop": self.stop()
        case "ping": break
        case _ where self.incomplete != nil: break
        case "message_start": self.start(data.root)
        case "content_block_start": self.startBlock(data.root)
        case "content_block_delta": self.extendBlock(data.root)
        case "content_block_stop": self.stopBlock(data.root)
        case "message_delta": self.merge(data.root)
        default: break
        }
        if self.byteCount > self.maximumBytes { self.drop(.tooLarge) }
    }

    /// What the events so far amount to, if no more come. Builds the message anew at each call.
    public func finish() -> AssembledStream {
        if let failure { return .failed(failure) }
        if let incomplete { return .incomplete(incomplete) }
        guard self.phase == .stopped else { return .incomplete(.noMessageStop) }
        return self.isEventsOnly ? .eventsOnly : .message(self.encoded())
    }

    /// What the policy needs to know of the message; nil unless the stream is whole.
    ///
    /// For a stream that is ``AssembledStream/eventsOnly`` it tells what is understood of it, and that it holds
    /// something unknown or a broken input.
    public func summary() -> MessageSummary? {
        guard self.failure == nil, self.incomplete == nil, self.phase == .stopped,
            let document = try? JSONDocument(self.encoded(), limits: .response)
        else { return nil }
        var summary = MessageSummary(document.root)
        summary.hasBrokenInput = self.hasBrokenInput
        if self.isEventsOnly, !self.hasBrokenInput { summary.hasUnknownBlocks = true }
        return summary
    }

    // MARK: - Events

    private mutating func start(_ event: JSONCursor) {
        guard self.phase == .waiting else { return self.drop(.secondMessageStart) }
        guard let message = event["message"], message["type"]?.raw.isQuoted("message") == true else {
            return self.drop(.invalidEvent)
        }
        self.phase = .open
        self.message = RawObject(message)
        if self.message.isAmbiguous { self.isEventsOnly = true }
        if let usage = message["usage"], usage.kind == .object {
            let usage = RawObject(usage)
            if usage.isAmbiguous { self.isEventsOnly = true }
            self.usage = usage
        }
        self.byteCount += event.raw.count
        guard let content = message["content"] else { return }
        for block in content.elements {
            guard block.kind == .object else { return self.drop(.invalidEvent) }
            var finished = AssembledBlock(block)
            finished.isOpen = false
            self.note(finished, block)
            self.blocks.append(finished)
        }
        self.hasInitialContent = !self.blocks.isEmpty
    }

    private mutating func startBlock(_ event: JSONCursor) {
        guard self.phase == .open else { return self.drop(.outOfOrder) }
        guard let index = event["index"]?.int, let block = event["content_block"], block.kind == .object else {
            return self.drop(.invalidEvent)
        }
        if self.hasInitialContent { self.isEventsOnly = true }
        guard index == self.blocks.count else { return self.drop(.outOfOrder) }
        self.byteCount += block.raw.count
        let started = AssembledBlock(block)
        self.note(started, block)
        self.blocks.append(started)
    }

    /// Does what a block means for the message it stands in.
    private mutating func note(_ block: AssembledBlock, _ json: JSONCursor) {
        if block.isAmbiguous { self.isEventsOnly = true }
        if block.type == "fallback", let model = json["to"]?["model"], model.kind == .string {
            self.message.set("model", Array(model.raw))
        }
    }

    private mutating func extendBlock(_ event: JSONCursor) {
        guard self.phase == .open else { return self.drop(.outOfOrder) }
        guard let index = event["index"]?.int, let delta = event["delta"], let type = delta["type"]?.string else {
            return self.drop(.invalidEvent)
        }
        guard self.blocks.indices.contains(index), self.blocks[index].isOpen else { return self.drop(.outOfOrder) }
        self.byteCount += delta.raw.count
        switch self.blocks[index].apply(type, delta) {
        case .applied: break
        case .unknown: self.isEventsOnly = true
        case .invalid: self.drop(.invalidEvent)
        }
    }

    private mutating func stopBlock(_ event: JSONCursor) {
        guard self.phase == .open else { return self.drop(.outOfOrder) }
        guard let index = event["index"]?.int else { return self.drop(.invalidEvent) }
        guard self.blocks.indices.contains(index), self.blocks[index].isOpen else { return self.drop(.outOfOrder) }
        self.blocks[index].isOpen = false
        if !self.blocks[index].finishInput() { self.leaveInputBroken() }
    }

    private mutating func merge(_ event: JSONCursor) {
        guard self.phase == .open else { return self.drop(.outOfOrder) }
        guard let delta = event["delta"], delta.kind == .object else { return self.drop(.invalidEvent) }
        let top = RawObject(event)
        let changes = RawObject(delta)
        // Each member is looked up among the others: what is larger than any real delta is not worth a quadratic merge.
        guard top.members.count <= 64, changes.members.count <= 64, self.message.members.count <= 256 else {
            return self.drop(.invalidEvent)
        }
        if top.isAmbiguous || changes.isAmbiguous { self.isEventsOnly = true }
        self.byteCount += event.raw.count
        // What identifies the message does not change on its way.
        if changes.holds(["id", "type", "role", "content", "usage"]) || top.holds(["id", "role", "content"]) {
            self.isEventsOnly = true
        }
        for member in changes.members
        where !member.value.isNull || member.name.isQuoted("stop_reason") || member.name.isQuoted("stop_sequence")
            || member.name.isQuoted("stop_details")
        {
            self.message.set(member, before: "usage")
        }
        for member in top.members {
            if member.name.isQuoted("type") || member.name.isQuoted("delta") { continue }
            if member.name.isQuoted("usage") {
                self.mergeUsage(event["usage"])
            } else if !member.value.isNull {
                self.message.set(member)
            }
        }
    }

    private mutating func mergeUsage(_ usage: JSONCursor?) {
        guard let usage, usage.kind == .object else { return }
        let changes = RawObject(usage)
        guard changes.members.count <= 64, self.usage?.members.count ?? 0 <= 256 else {
            return self.drop(.invalidEvent)
        }
        guard !changes.members.isEmpty else { return }
        if changes.isAmbiguous { self.isEventsOnly = true }
        var merged = self.usage ?? RawObject()
        for member in changes.members where !member.value.isNull || !merged.contains(member.name) { merged.set(member) }
        self.usage = merged
    }

    private mutating func stop() {
        guard self.phase == .open else {
            if self.phase == .waiting { self.drop(.outOfOrder) }
            self.phase = .stopped
            return
        }
        self.phase = .stopped
        guard self.incomplete == nil else { return }
        if self.blocks.contains(where: { $0.isOpen && !$0.hasInput }) { return self.drop(.openBlock) }
        // What `max_tokens` cuts short in a tool's input is not closed either.
        if self.blocks.contains(where: \.isOpen) { self.leaveInputBroken() }
        if self.message["stop_reason"]?.first != UInt8(ascii: "\"") { return self.drop(.noStopReason) }
    }

    private mutating func leaveInputBroken() {
        self.isEventsOnly = true
        self.hasBrokenInput = true
    }

    /// Gives the stream up for `reason`, unless it was given up before, and lets go of what was collected.
    private mutating func drop(_ reason: IncompleteReason) {
        if self.incomplete == nil { self.incomplete = reason }
        self.forget()
    }

    private mutating func forget() {
        self.message = RawObject()
        self.usage = nil
        self.blocks = []
        self.byteCount = 0
    }

    // MARK: - The message

    private func encoded() -> [UInt8] {
        var content: [UInt8] = [UInt8(ascii: "[")]
        for (index, block) in self.blocks.enumerated() {
            if index > 0 { content.append(UInt8(ascii: ",")) }
            block.append(to: &content)
        }
        content.append(UInt8(ascii: "]"))
        var message = self.message
        message.set("content", content, before: "stop_reason")
        if let usage {
            var bytes: [UInt8] = []
            usage.append(to: &bytes)
            message.set("usage", bytes)
        }
        var output: [UInt8] = []
        output.reserveCapacity(message.byteCount)
        message.append(to: &output)
        return output
    }

    /// The events whose data must be readable: losing one would lose a part of the message.
    private static let known: Set<String> = [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop", "error",
    ]
}
