import RefrainKeys
import Testing

/// Which spellings of a request are one request.
@Suite struct EquivalenceTests {
    private func request(_ parameters: String) -> String { #"{"model":"m","messages":[],\#(parameters)}"# }

    private func message(_ content: String) -> String {
        #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":\#(content)}]}"#
    }

    @Test func `a message's text is short for one block, and nothing else is`() {
        expectSame([
            message(#""x""#), message(#"[{"type":"text","text":"x"}]"#), message(#"[{"text":"x","type":"text"}]"#),
        ])
        expectSame([message(#""x""#), message(#"[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]"#)])
        expectDistinct([
            message(#""x""#), message("[]"), message("null"), message(#""""#), message(#"["x"]"#),
            message(#"{"type":"text","text":"x"}"#),
            message(#"[{"type":"text","text":"x"},{"type":"text","text":""}]"#),
            message(#"[{"type":"text","text":"x","citations":null}]"#), message(#"[{"text":"x"}]"#),
            message(#"[[{"type":"text","text":"x"}]]"#),
        ])
        expectDistinct([
            request(#""system":"x""#), request(#""system":[{"type":"text","text":"x"}]"#), request(#""system":["x"]"#),
            request(#""system":"""#), request(#""system":[]"#), request(#""system":null"#), request(#""x":1"#),
        ])
    }

    @Test func `scalar parameters count by their value`() {
        func temperature(_ number: String) -> String { request(#""temperature":\#(number)"#) }
        expectSame(["0", "0.0", "-0", "-0.0", "0e5", "0E-5", "0.000e+0", "-0e9999"].map(temperature))
        expectSame(
            ["1", "1.0", "1e0", "10e-1", "0.1e1", "0.01E+2", "1.000000000000000000000000", "1000e-3"].map(temperature))
        expectSame(["0.7", "7e-1", "0.70", "70E-2", "0.007e2"].map(temperature))
        expectSame(["1e21", "1E+21", "1000000000000000000000", "1000000000000000000000.0", "10e20"].map(temperature))
        expectSame(["1e-7", "0.0000001", "10.0e-8"].map(temperature))
        expectSame(["1e9999", "10e9998", "0.1e9999".replacing("0.1e9999", with: "100e9997")].map(temperature))
        expectDistinct(
            [
                "0", "1", "-1", "0.7", "0.70000000000000001", "0.69999999999999999", "1e21", "1e22", "1e-7", "1e-8",
                "9007199254740992", "9007199254740993", "1e308", "1e309", "1e310", "5e-324", "1e-400", "1e-401",
                "1e9999",
                "1e9998", "-0.5", "0.5", "10", "100", "1.1", "11", "0.11", "110",
            ].map(temperature))
        // Beyond four digits the exponent is not looked into, and costs no more for being long.
        let long = String(repeating: "9", count: 100_000)
        expectDistinct(
            ["1e10000", "10e9999", "1E10000", "1e010000", "1e\(long)", "1e-\(long)", "0e\(long)", "0"].map(temperature))
        expectDistinct(["0e00000", "0"].map(temperature))
    }

    @Test(arguments: [
        #""temperature":%"#, #""top_p":%"#, #""top_k":%"#, #""max_tokens":%"#,
        #""thinking":{"type":"enabled","budget_tokens":%}"#,
        #""output_config":{"task_budget":{"type":"tokens","total":%}}"#,
        #""output_config":{"task_budget":{"type":"tokens","remaining":%}}"#,
        #""context_management":{"edits":[{"type":"clear_tool_uses_20250919","trigger":{"type":"input_tokens","value":%}}]}"#,
        #""context_management":{"edits":[{"type":"clear_tool_uses_20250919","keep":{"type":"tool_uses","value":%}}]}"#,
        #""context_management":{"edits":[{"type":"clear_tool_uses_20250919","clear_at_least":{"type":"input_tokens","value":%}}]}"#,
        #""tools":[{"type":"text_editor_20250728","name":"e","max_characters":%}]"#,
        #""tools":[{"type":"computer_20250124","name":"c","display_width_px":%}]"#,
        #""tools":[{"type":"computer_20250124","name":"c","display_height_px":%}]"#,
        #""tools":[{"type":"computer_20250124","name":"c","display_number":%}]"#,
    ])
    func `where numbers count by value`(place: String) {
        expectSame(["1024", "1024.0", "1.024e3", "102400E-2"].map { request(place.replacing("%", with: $0)) })
        expectDistinct(["1024", "1025", "1024.5", #""1024""#, "null"].map { request(place.replacing("%", with: $0)) })
    }

    @Test(arguments: [
        #""tools":[{"name":"a","input_schema":{"minimum":%}}]"#,
        #""tools":[{"name":"a","input_examples":[{"temperature":%}]}]"#,
        #""tools":[{"name":"a","input_schema":{"temperature":%,"max_tokens":%}}]"#,
        #""output_config":{"format":{"type":"json_schema","schema":{"total":%}}}"#,
        #""output_format":{"type":"json_schema","schema":{"value":%}}"#,
        #""x_parameter":%"#, #""x_parameter":{"temperature":%}"#, #""stop_sequences":[%]"#, #""system":%"#,
    ])
    func `where numbers count by their spelling`(place: String) {
        expectDistinct(
            ["1", "1.0", "1e0", "1E0", "1e+0", "10e-1", "1.00"].map { request(place.replacing("%", with: $0)) })
    }

    @Test func `numbers in a tool's input count by their spelling`() {
        expectDistinct(
            ["1", "1.0", "1e0", "-0", "0", "0.0"].map {
                message(#"[{"type":"tool_use","id":"t","name":"n","input":{"value":\#($0)}}]"#)
            })
    }

    @Test(arguments: [
        #""tools":[{"name":"a","input_schema":%}]"#, #""tools":[{"name":"a","input_examples":[%]}]"#,
        #""output_config":{"format":{"type":"json_schema","schema":%}}"#,
        #""output_format":{"type":"json_schema","schema":%}"#,
        #""messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":%}]}]"#,
        #""messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"t","name":"n","input":%}]}]"#,
        #""messages":[{"role":"assistant","content":[{"type":"x_future","payload":%}]}]"#,
        #""x_parameter":%"#,
    ])
    func `free-form values keep the order of their members, at any depth`(place: String) {
        func request(_ value: String) -> String {
            #"{"model":"m","max_tokens":1,\#(place.replacing("%", with: value))}"#
        }
        expectDistinct(
            [
                #"{"a":1,"b":{"c":1,"d":2}}"#, #"{"b":{"c":1,"d":2},"a":1}"#, #"{"a":1,"b":{"d":2,"c":1}}"#,
            ].map(request))
        expectSame(
            [#"{"a":1,"b":{"c":1,"d":[]}}"#, " {\t\"a\" :1,\r\n\"\\u0062\": {\"c\":1 , \"d\":[ ] } } "].map(request))
    }

    @Test func `strings count by their scalars`() {
        expectSame(
            [#""A/é😀""#, #""\u0041\/\u00e9\ud83d\ude00""#, #""\u0041\u002F\u00E9\uD83D\uDE00""#].map(message))
        expectSame([#""\b\t\n\f\r\"\\""#, #""\u0008\u0009\u000a\u000C\u000d\u0022\u005C""#].map(message))
        expectSame([#""\ud800""#, #""\uD800""#].map(message))
        expectSame([#""\u007f""#, "\"\u{7F}\""].map(message))
        expectDistinct(
            [
                #""A""#, #""a""#, #""\u0000""#, #""""#, #"" ""#, #""\\u0041""#, #""\\""#, #""\\\\""#, #""/""#,
                #""\\/""#,
                #""\ud800""#, #""\udc00""#, #""\udc00\ud800""#, #""\ud800\ud800""#, #""\ud800\udc00""#, #""\ud800A""#,
                #""\ufffd""#, "\"\u{E9}\"", "\"e\u{301}\"", "\"\u{FB01}\"", #""fi""#, "\"\u{212B}\"", "\"\u{C5}\"",
                "\"x\u{200B}\"", #""x""#, "\"\u{FEFF}x\"", #""x\n""#, #""x\r\n""#,
            ].map(message))
    }

    @Test func `members of the API's objects stand in any order`() {
        expectSame([
            #"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}]}"#,
            #"{"messages":[{"content":[{"content":"x","tool_use_id":"t","type":"tool_result"}],"role":"user"}],"max_tokens":1,"model":"m"}"#,
        ])
    }

    @Test func `cache_control counts where the API does not define it`() {
        let mark = #""cache_control":{"type":"ephemeral"}"#
        // With and without at one place: the same, or not.
        let same = [
            #"{"model":"m"%}"#, #"{"model":"m","system":[{"type":"text","text":"x"%}]}"#,
            #"{"model":"m","tools":[{"name":"a"%}]}"#,
            #"{"model":"m","tools":[{"type":"bash_20250124","name":"a"%}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"%}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","id":"t"%}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"x"%}]}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"x_future"%}]}]}"#,
        ]
        let distinct = [
            #"{"model":"m","messages":[{"role":"user","content":"x"%}]}"#,
            #"{"model":"m","tools":[{"name":"a","input_schema":{"type":"object"%}}]}"#,
            #"{"model":"m","tools":[{"name":"a","input_schema":{"properties":{"x":1%}}}]}"#,
            #"{"model":"m","tools":[{"name":"a","input_examples":[{"x":1%}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","input":{"x":1%}}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"thinking","thinking":"x"%}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"redacted_thinking","data":"x"%}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64"%}}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"text","text":"x"%}]}}]}]}"#,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"search_result","content":[{"type":"text","text":"x"%}]}]}]}"#,
            #"{"model":"m","thinking":{"type":"disabled"%}}"#, #"{"model":"m","tool_choice":{"type":"auto"%}}"#,
            #"{"model":"m","output_config":{"effort":"low"%}}"#, #"{"model":"m","system":{"type":"text"%}}"#,
            #"{"model":"m","x_parameter":{"x":1%}}"#, #"{"model":"m","x_parameter":[{"x":1%}]}"#,
        ]
        for place in same {
            expectSame(["", ",\(mark)", #","cache_control":null"#].map { place.replacing("%", with: $0) })
        }
        for place in distinct { expectDistinct(["", ",\(mark)"].map { place.replacing("%", with: $0) }) }
    }
}
