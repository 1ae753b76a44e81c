/// The ids of the tool calls in a request's messages. A hit that holds one of them must not be served: the API refuses
/// a conversation in which an id occurs twice.
///
/// Calls of client, server and MCP tools all count. A body that cannot be read has none. Linear in the size of the body.
package func toolUseIDs(in body: [UInt8]) -> Set<String> {
    guard let document = try? JSONDocument(body), let messages = document.root["messages"] else { return [] }
    var ids: Set<String> = []
    for message in messages.elements {
        guard let content = message["content"] else { continue }
        for block in content.elements {
            guard let type = block["type"],
                type.hasContent("tool_use") || type.hasContent("server_tool_use") || type.hasContent("mcp_tool_use"),
                let id = block["id"]?.string
            else { continue }
            ids.insert(id)
        }
    }
    return ids
}
