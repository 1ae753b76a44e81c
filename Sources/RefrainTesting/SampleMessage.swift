import RefrainKeys

/// Messages as the API answers them, for tests.
public enum SampleMessage {
    /// A message with one text block, or none where `text` is empty.
    public static func json(
        _ text: String, stopReason: String? = "end_turn", model: String = "claude-sonnet-4-5", id: String = "msg_sample"
    ) -> [UInt8] {
        let block = text.isEmpty ? "" : #"{"type":"text","text":\#(Self.quoted(text))}"#
        return Self.json(content: block, stopReason: stopReason, model: model, id: id)
    }

    /// A message that calls a client tool.
    public static func toolCall(id toolUseID: String, name: String = "look_up") -> [UInt8] {
        let block = #"{"type":"tool_use","id":\#(Self.quoted(toolUseID)),"name":\#(Self.quoted(name)),"input":{}}"#
        return Self.json(content: block, stopReason: "tool_use", model: "claude-sonnet-4-5", id: "msg_sample")
    }

    /// A message with the given elements of its content, as JSON.
    public static func json(content: String, stopReason: String?, model: String, id: String) -> [UInt8] {
        let reason = stopReason.map(Self.quoted) ?? "null"
        return Array(
            """
            {"model":\(Self.quoted(model)),"id":\(Self.quoted(id)),"type":"message","role":"assistant",\
            "content":[\(content)],"stop_reason":\(reason),"stop_sequence":null,\
            "usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":4}}
            """.utf8)
    }

    private static func quoted(_ text: String) -> String {
        var bytes: [UInt8] = []
        JSONString.append(text.utf8, quotedTo: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
