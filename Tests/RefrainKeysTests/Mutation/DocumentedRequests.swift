import RefrainKeys

/// Requests that together have every parameter, block and tool that the API documents and that has a key.
enum DocumentedRequest {
    /// All that has a key without opting in to anything.
    static let plain = #"""
        {
          "model": "claude-opus-4-5", "max_tokens": 4096,
          "system": [
            {"type": "text", "text": "You are terse.", "cache_control": {"type": "ephemeral", "ttl": "1h"},
             "citations": [{"type": "char_location", "cited_text": "c", "document_index": 0, "document_title": "t",
                            "start_char_index": 0, "end_char_index": 1}]},
            {"type": "text", "text": "Answer in French."}
          ],
          "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Bonjour"},
            {"role": "user", "content": [
              {"type": "text", "text": "Look at these.", "cache_control": {"type": "ephemeral"}},
              {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
               "transformations": [{"type": "resize", "max_edge": 1568}], "cache_control": {"type": "ephemeral"}},
              {"type": "document", "title": "Report", "context": "internal", "citations": {"enabled": true},
               "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
              {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain"}},
              {"type": "document", "source": {"type": "content", "content": [
                {"type": "text", "text": "chunk one"}, {"type": "text", "text": "chunk two"}]}},
              {"type": "search_result", "source": "https://example.com/a", "title": "A", "citations": {"enabled": false},
               "content": [{"type": "text", "text": "found"}]}
            ]},
            {"role": "assistant", "content": [
              {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmF0dXJl"},
              {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
              {"type": "text", "text": "Let me see.", "citations": [
                {"type": "page_location", "cited_text": "p", "document_index": 1, "document_title": null,
                 "start_page_number": 1, "end_page_number": 2}]},
              {"type": "tool_use", "id": "toolu_01", "name": "search", "input": {"query": "x", "limit": 5, "deep": {"b": 1, "a": 2}},
               "caller": {"type": "direct", "tool_id": "srvtoolu_0"}, "toolset_name": "set"},
              {"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "y", "n": 1}},
              {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_01", "content": [
                {"type": "web_search_result", "url": "https://example.com", "title": "T", "encrypted_content": "e",
                 "page_age": "1 day"}]},
              {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_02", "content": {
                "type": "web_fetch_result", "url": "https://example.com", "retrieved_at": "2026-01-01T00:00:00Z",
                "content": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "f"}}}},
              {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_03", "content": {
                "type": "code_execution_result", "stdout": "1", "stderr": "", "return_code": 0, "content": []}},
              {"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_04", "content": {
                "type": "bash_code_execution_result", "stdout": "1", "stderr": "", "return_code": 0, "content": []}},
              {"type": "text_editor_code_execution_tool_result", "tool_use_id": "srvtoolu_05", "content": {
                "type": "text_editor_code_execution_view_result", "file_type": "text", "content": "v", "num_lines": 1,
                "start_line": 1, "total_lines": 1}},
              {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_06", "content": {
                "type": "tool_search_tool_search_result", "tool_references": [
                  {"type": "tool_reference", "tool_name": "search"}]}},
              {"type": "mcp_tool_use", "id": "mcptoolu_01", "name": "m", "server_name": "s", "input": {"b": 1, "a": 2}},
              {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_01", "is_error": false, "content": [
                {"type": "text", "text": "r"}]},
              {"type": "mcp_tool_listing", "server_name": "s", "tools": [{"name": "m"}]},
              {"type": "advisor_tool_result", "tool_use_id": "srvtoolu_07", "content": {
                "type": "advisor_result", "text": "advice"}},
              {"type": "connector_text", "connector_text": "ct", "signature": "s"},
              {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}},
              {"type": "compaction", "content": "summary", "encrypted_content": "ec", "signature": "sg", "tool_changes": [
                {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "old"}}]},
              {"type": "x_future", "payload": {"b": [1, 1.0, {"d": null, "c": true}], "a": "x"}, "note": "n"}
            ]},
            {"role": "user", "content": [
              {"type": "tool_result", "tool_use_id": "toolu_01", "is_error": false, "content": [
                {"type": "text", "text": "result", "cache_control": {"type": "ephemeral"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "q"}]},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
                {"type": "tool_reference", "tool_name": "later"},
                {"type": "browser_state", "tabs": [{"tab_id": 1, "title": "t", "url": "u"}],
                 "state_changes": [{"type": "navigated", "tab_id": 1}]}
              ], "cache_control": {"type": "ephemeral"}},
              {"type": "tool_result", "tool_use_id": "toolu_02", "content": "plain result"}
            ]},
            {"role": "system", "clear_at": "next_turn", "output_config": {"effort": "low", "format": {
              "type": "json_schema", "schema": {"type": "object", "title": "s"}}}, "content": [
              {"type": "text", "text": "From here on, be kind.", "cache_control": {"type": "ephemeral"}},
              {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {
                "name": "late", "description": "d", "input_schema": {"type": "object", "title": "l"}}}},
              {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "gone"}}
            ]}
          ],
          "tools": [
            {"type": "custom", "name": "search", "description": "Searches.", "strict": true, "defer_loading": false,
             "eager_input_streaming": true, "allowed_callers": ["direct", "code_execution_20260120"],
             "input_schema": {"type": "object", "properties": {
               "query": {"type": "string", "minLength": 1}, "limit": {"type": "integer", "default": 10.0},
               "cache_control": {"type": "string", "enum": ["on", "off"]}}, "required": ["query"]},
             "input_examples": [{"query": "a", "limit": 1}], "cache_control": {"type": "ephemeral", "ttl": "5m"}},
            {"name": "untyped", "input_schema": {"type": "object", "title": "u"}},
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10000},
            {"type": "memory_20250818", "name": "memory"},
            {"type": "computer_20250124", "name": "computer", "display_width_px": 1024, "display_height_px": 768,
             "display_number": 1},
            {"type": "computer_toolset_20260801", "name": "computer", "configs": {"screenshot": {"enabled": true, "scale": 1}}},
            {"type": "browser_toolset_20260801", "name": "browser", "configs": {"navigate": {"enabled": true, "b": 2}}},
            {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
            {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
          ],
          "tool_choice": {"type": "tool", "name": "search", "disable_parallel_tool_use": true},
          "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "summarized",
                       "block_binding": {"prefix_mismatch_behavior": "error", "x": 1}},
          "output_config": {"effort": "high", "task_budget": {"type": "tokens", "total": 20000, "remaining": 10000},
                            "format": {"type": "json_schema", "schema": {"type": "object", "properties": {
                              "b": {"type": "number", "minimum": 1.0}, "a": {"type": "string", "title": "A"}}}}},
          "output_format": {"type": "json_schema", "schema": {"type": "object", "title": "o"}},
          "stop_sequences": ["END", "STOP"],
          "temperature": 0.7, "top_p": 0.9, "top_k": 40, "inference_geo": "us",
          "context_management": {"edits": [
            {"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 30000},
             "keep": {"type": "tool_uses", "value": 3}, "clear_at_least": {"type": "input_tokens", "value": 5000},
             "exclude_tools": ["search"], "clear_tool_inputs": false},
            {"type": "clear_thinking_20251015", "keep": "all"}]},
          "billing_policy": {"type": "billing_policy", "bill_to": "self"},
          "x_parameter": {"b": 1, "a": [1.0, {"d": 1, "c": 2}]},
          "stream": true, "cache_control": {"type": "ephemeral", "ttl": "5m"}, "metadata": {"user_id": "u-1", "extra": {"a": 1, "b": 2}},
          "service_tier": "auto", "speed": "standard"
        }
        """#

    /// What needs opting in.
    static let optedIn = #"""
        {
          "model": "claude-opus-5-5", "max_tokens": 1024, "stream": true, "speed": "fast",
          "fallbacks": [{"model": "claude-sonnet-5-5", "max_tokens": 512, "speed": "standard",
                         "thinking": {"type": "disabled", "display": "omitted"},
                         "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "title": "f"}}}}],
          "messages": [{"role": "user", "content": [
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_01"}, "cache_control": {"type": "ephemeral"}},
            {"type": "container_upload", "file_id": "file_02"},
            {"type": "document", "source": {"type": "content", "content": [
              {"type": "image", "source": {"type": "url", "url": "https://example.com/b.png"}}]}}
          ]}],
          "cache_control": {"type": "ephemeral"}, "metadata": {"user_id": "u", "x": 1}, "service_tier": "auto"
        }
        """#

    /// Every opt-in.
    static let everyOption: KeyOptions = KeyOptions(
        urlSources: true, fileSources: true, fallbacks: true, keysSpeed: true)
}
