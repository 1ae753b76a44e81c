import RefrainCore

// The same work done again.
extension GeneratedTraffic {
    /// An evaluation that is run again after each change.
    package static let evaluation = GeneratedTraffic(
        name: "evaluation", kind: .rerun,
        summary: "an evaluation run every day for a week: 27 tasks of 40 few-shot questions, with lengths fitted to "
            + "BIG-Bench Hard (565 tokens a prompt, prefixes shared to 84 %); on each day one task's prompt is changed"
    ) { randomness, scale in
        let questions = max(1, Int(40 * scale))
        var versions = [Int](repeating: 0, count: 27)
        var requests: [RequestTrace.Request] = []
        for day in 0..<7 {
            if day > 0 { versions[randomness.index(below: versions.count)] += 1 }
            var seconds = Double(day) * 86_400
            for (task, version) in versions.enumerated() {
                let examples = GeneratedText.text(UInt64(10_000 + task * 100 + version), tokens: 450 + 4 * task)
                for question in 0..<questions {
                    seconds += 2
                    let id = UInt64(task * 1_000 + question)
                    requests.append(
                        Self.request(
                            at: seconds, system: nil,
                            messages: [
                                RequestBody.message(
                                    role: "user", examples + GeneratedText.text(1_000_000 + id, tokens: 62))
                            ],
                            session: day, answer: 5_000_000 + id * 100 + UInt64(version), answerTokens: 80))
                }
            }
        }
        return requests
    }

    /// A test suite that runs at each commit.
    package static let continuousIntegration = GeneratedTraffic(
        name: "ci", kind: .rerun,
        summary:
            "an agent's test suite at 77 commits, fitted to the OpenHands re-runs (50 calls a run; a call's prompt "
            + "comes again in 77 % of runs; 6 % of the gaps between runs under an hour, half under a day, 98 % under a "
            + "week)"
    ) { randomness, scale in
        let calls = max(1, Int(50 * scale))
        var versions = [Int](repeating: 0, count: calls)
        var start = 0.0
        var requests: [RequestTrace.Request] = []
        for run in 0..<77 {
            if run > 0 {
                start +=
                    randomness.chance(0.06)
                    ? 300 + 3_300 * randomness.unit() : 3_600 * randomness.logNormal(median: 24, sigma: 0.92)
                // A change touches the prompts of neighbouring tests together.
                var call = 0
                while call < calls {
                    let touched = randomness.chance(0.23)
                    for member in call..<min(call + 5, calls) where touched { versions[member] += 1 }
                    call += 5
                }
            }
            for (call, version) in versions.enumerated() {
                let id = UInt64(call * 1_000 + version)
                requests.append(
                    Self.request(
                        at: start + Double(call) * 3, system: GeneratedText.text(1, tokens: 900),
                        messages: [
                            RequestBody.message(role: "user", GeneratedText.text(1_000_000 + id, tokens: 1_190))
                        ],
                        session: run, answer: 5_000_000 + id, answerTokens: 40))
            }
        }
        return requests
    }
}
