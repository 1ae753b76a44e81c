// Server-sent events: any bytes in any chunks give the same events, and what is assembled can be replayed.
import RefrainCore

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let whole = events(of: [bytes]) else { return 0 }
    // The first byte says where to cut.
    let cut = bytes.isEmpty ? 0 : Int(bytes[0]) % bytes.count
    guard let parts = events(of: [Array(bytes[..<cut]), Array(bytes[cut...])]),
        parts.map(\.name) == whole.map(\.name), parts.map(\.data) == whole.map(\.data)
    else { fatalError("chunks change the events") }
    // The last event is given the line ends that it lacks; blank lines after it are no event.
    let text = bytes[..<((bytes.lastIndex { $0 != 0x0A && $0 != 0x0D } ?? -1) + 1)]
    guard whole.map(\.raw).joined().starts(with: text) else { fatalError("the events are not what came") }
    for event in whole { _ = StreamEvent(event) }
    var assembler = MessageAssembler()
    for event in whole { assembler.consume(event) }
    guard case .message(let message) = assembler.finish() else { return 0 }
    do throws(WireError) {
        var again = MessageAssembler()
        var parser = SSEParser()
        for event in try parser.feed(try MessageReplayer.stream(for: message)) { again.consume(event) }
        guard case .message(let replayed) = again.finish(), replayed == message else {
            fatalError("a replay is another message")
        }
    } catch {
        fatalError("an assembled message cannot be replayed: \(error)")
    }
    return 0
}

/// Nil where the parser refuses the bytes.
private func events(of chunks: [[UInt8]]) -> [ServerSentEvent]? {
    var parser = SSEParser(maximumEventBytes: 65_536)
    var events: [ServerSentEvent] = []
    do throws(WireError) {
        for chunk in chunks { try parser.feed(chunk, into: &events) }
    } catch {
        return nil
    }
    if let last = parser.finish() { events.append(last) }
    return events
}
