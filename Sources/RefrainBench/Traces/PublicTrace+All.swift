extension PublicTrace {
    /// All public sets of requests, the largest first in each kind.
    package static let all: [PublicTrace] = [
        .claudeCode, .mooncake, .azureCode, .miniswe, .magagent, .cookbook, .traceLab,
        .openHands, .cassettes, .fewShot, .tau, .functionCalls,
        .treeOfThought, .naiveSamples,
    ]

    /// Sessions of a coding agent, with its prompts as ids of blocks.
    package static let claudeCode = PublicTrace(
        name: "claude-code", file: "llm/claude_code_dev.jsonl.xz", kind: .live,
        summary: "535 sessions of Claude Code, prompts as blocks of 64 tokens",
        source: "https://github.com/callanjfox/kv-cache-tester at 94f6046dfd9c, folder traces", licence: "Apache-2.0"
    ) { set, bytes throws(BenchError) in try set.readClaudeCode(bytes) }

    /// An hour of a chat service.
    package static let mooncake = PublicTrace(
        name: "mooncake", file: "llm/mooncake_conversation.jsonl.xz", kind: .live,
        summary: "an hour of production chat, prompts as blocks of 512 tokens",
        source: "https://github.com/kvcache-ai/Mooncake at 3b5a59413395, folder FAST25-release/traces",
        licence: "Apache-2.0"
    ) { set, bytes throws(BenchError) in try set.readMooncake(bytes) }

    /// Arrivals and lengths of a code assistant, without prompts.
    package static let azureCode = PublicTrace(
        name: "azure-code", file: "arrivals/azure2023_code.csv.xz", kind: .live,
        summary: "arrivals and lengths of a code assistant, without prompts",
        source: "https://github.com/Azure/AzurePublicDataset at b469a113cedc, data/AzureLLMInferenceTrace_code.csv",
        licence: "CC-BY-4.0"
    ) { set, bytes throws(BenchError) in try set.readAzure(bytes) }

    /// Runs of a coding agent with their whole prompts.
    package static let miniswe = PublicTrace(
        name: "miniswe", file: "llm/miniswe_agent.jsonl.xz", kind: .live,
        summary: "runs of a small coding agent, whole prompts",
        source: "https://github.com/LMCache/lmcache-agent-trace at 16a14adaad43, folder miniswe", licence: "Apache-2.0"
    ) { set, bytes throws(BenchError) in try set.readTimedPrompts(bytes, note: "") }

    /// A trap: an export that lost what told the requests apart.
    package static let magagent = PublicTrace(
        name: "magagent", file: "llm/trap_magagent_lossy_text.jsonl.xz", kind: .live,
        summary: "a trap: an agent's prompts without their tool calls and images",
        source: "https://github.com/LMCache/lmcache-agent-trace at 16a14adaad43, folder magagent", licence: "Apache-2.0"
    ) { set, bytes throws(BenchError) in
        try set.readTimedPrompts(
            bytes, note: "the export lost tool calls and images, so most of its repeats are different requests")
    }

    /// Documents of which each chunk is put into context: one long prefix, many short questions.
    package static let cookbook = PublicTrace(
        name: "cookbook", file: "llm/cookbook_contextual_chunks.json.xz", kind: .live,
        summary: "737 chunks of 90 documents, each with its whole document before it",
        source: "https://github.com/anthropics/claude-cookbooks at 4b36a1e1f643, folder "
            + "skills/contextual-embeddings/data",
        licence: "MIT"
    ) { set, bytes throws(BenchError) in try set.readCookbook(bytes) }

    /// Rounds of an agent with what the prompt cache really read and wrote.
    package static let traceLab = PublicTrace(
        name: "tracelab", file: "llm/tracelab_example_rounds.jsonl.xz", kind: .live,
        summary: "rounds of Claude Code with the usage that the API reported",
        source: "https://github.com/uw-syfi/TraceLab at 0b8a262ba696, folder example_sessions", licence: "CC-BY-4.0"
    ) { set, bytes throws(BenchError) in try set.readTraceLab(bytes) }

    /// A test suite over its commits.
    package static let openHands = PublicTrace(
        name: "openhands", file: "llm/openhands_ci_reruns.json.xz", kind: .rerun,
        summary: "an agent's integration tests over 77 commits",
        source:
            "https://github.com/All-Hands-AI/OpenHands, tests/integration/mock in the commits of 2024-04 to 2024-10",
        licence: "MIT"
    ) { set, bytes throws(BenchError) in try set.readOpenHands(bytes) }

    /// Requests and answers recorded by the test suites of client libraries.
    package static let cassettes = PublicTrace(
        name: "cassettes", file: "llm/anthropic_cassettes.jsonl.xz", kind: .rerun,
        summary: "recorded calls of the Messages API in the test suites of six projects",
        source: "the recorded cassettes of https://github.com/DataDog/dd-trace-py, "
            + "https://github.com/activeagents/activeagent, https://github.com/crewAIInc/crewAI, "
            + "https://github.com/pydantic/pydantic-ai, https://github.com/simonw/llm-anthropic and "
            + "https://github.com/traceloop/openllmetry",
        licence: "MIT, Apache-2.0 or BSD-3, by row"
    ) { set, bytes throws(BenchError) in try set.readCassettes(bytes) }

    /// An evaluation with few-shot prompts.
    package static let fewShot = PublicTrace(
        name: "few-shot-bbh", file: "llm/fewshot_bbh_codex.jsonl.xz", kind: .rerun,
        summary: "10,022 few-shot prompts of BIG-Bench Hard",
        source: "https://github.com/suzgunmirac/BIG-Bench-Hard at 9ee07bd481fe, folder code-davinci-002-outputs",
        licence: "MIT"
    ) { set, bytes throws(BenchError) in try set.readFewShot(bytes) }

    /// An agent benchmark: conversations with tools.
    package static let tau = PublicTrace(
        name: "tau-airline", file: "llm/taubench_airline_gpt4o.json.xz", kind: .rerun,
        summary: "100 conversations of an airline's agent, two trials of 50 tasks",
        source: "https://github.com/sierra-research/tau-bench at 59a200c6d575, "
            + "historical_trajectories/gpt-4o-airline.json",
        licence: "MIT"
    ) { set, bytes throws(BenchError) in try set.readTau(bytes) }

    /// Questions with tools of people's own.
    package static let functionCalls = PublicTrace(
        name: "bfcl-live", file: "llm/bfcl_live_tools.jsonl.xz", kind: .rerun,
        summary: "questions and tool definitions that users contributed",
        source: "https://github.com/ShishirPatil/gorilla at 6ea57973c7a6, folder "
            + "berkeley-function-call-leaderboard/bfcl_eval/data",
        licence: "Apache-2.0"
    ) { set, bytes throws(BenchError) in try set.readFunctionCalls(bytes) }

    /// A tree search.
    package static let treeOfThought = PublicTrace(
        name: "tree-of-thought", file: "llm/tot_game24_calls.jsonl.xz", kind: .search,
        summary: "the calls of a tree search for the game of 24",
        source: "https://github.com/princeton-nlp/tree-of-thought-llm at ab400345c5ea, folder logs/game24, from which "
            + "the calls are reconstructed",
        licence: "MIT"
    ) { set, bytes throws(BenchError) in try set.readTreeOfThought(bytes) }

    /// A trap: every repeat is wanted as another sample.
    package static let naiveSamples = PublicTrace(
        name: "naive-samples", file: "llm/tot_naive_cot_100samples.json.xz", kind: .search,
        summary: "a trap: 100 samples of each of 100 prompts",
        source: "https://github.com/princeton-nlp/tree-of-thought-llm at ab400345c5ea, folder logs/game24",
        licence: "MIT"
    ) { set, bytes throws(BenchError) in try set.readNaiveSamples(bytes) }
}
