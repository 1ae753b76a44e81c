/// One server-sent event (WHATWG HTML §9.2) of a Messages API stream.
public struct ServerSentEvent: Hashable, Sendable {
    /// The value of the `event:` field; nil where the event has none.
    public var name: String?
    /// The values of the `data:` fields, joined by line feeds. Empty for a block of comments only, such as a
    /// keep-alive: such an event is relayed and otherwise ignored.
    public var data: [UInt8]
    /// The event's exact bytes with its blank line, and whatever stood before it since the last event.
    ///
    /// The `raw` of all events of a stream, joined, are the stream, but for blank lines after its last event.
    public var raw: [UInt8]

    /// Creates an event from its parts.
    public init(name: String?, data: [UInt8], raw: [UInt8]) {
        self.name = name
        self.data = data
        self.raw = raw
    }

    /// Creates an event called `name` and the bytes that send it: one `event:` line, one `data:` line, a blank line.
    ///
    /// A line break in `data` is sent as a space. JSON has line breaks only between its tokens, where the two mean
    /// the same.
    public init(name: String, data: [UInt8]) {
        var data = data
        for index in data.indices where data[index] == 0x0A || data[index] == 0x0D { data[index] = 0x20 }
        var raw: [UInt8] = []
        raw.reserveCapacity(name.utf8.count + data.count + 16)
        raw.append(contentsOf: "event: ".utf8)
        raw.append(contentsOf: name.utf8)
        raw.append(contentsOf: "\ndata: ".utf8)
        raw.append(contentsOf: data)
        raw.append(contentsOf: "\n\n".utf8)
        self.init(name: name, data: data, raw: raw)
    }
}
