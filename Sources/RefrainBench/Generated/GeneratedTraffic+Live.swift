import RefrainCore

// What people ask while they are at work.
extension GeneratedTraffic {
    private static let day = 86_400.0

    /// Questions of which few are asked often.
    package static let questions = GeneratedTraffic(
        name: "zipf-questions", kind: .live,
        summary:
            "a help desk: 10,000 requests a day over 2,000 questions, popularity by Zipf's law with the exponent 0.8, "
            + "within the 0.64 to 0.83 that Breslau et al. (INFOCOM 1999) found for web requests; lengths are choices"
    ) { randomness, scale in
        let ranks = ZipfRanks(count: 2_000, exponent: 0.8)
        return Self.poisson(count: 10_000, over: Self.day, scale, &randomness) { _, randomness in
            ranks.rank(&randomness)
        }
    }

    /// The same with a popularity that wanders.
    package static let drift = GeneratedTraffic(
        name: "drift", kind: .live,
        summary:
            "a help desk whose questions change: as zipf-questions over three days, but the popular questions move on "
            + "by one rank in every 100 requests; fitted to nothing"
    ) { randomness, scale in
        let ranks = ZipfRanks(count: 500, exponent: 0.8)
        return Self.poisson(count: 10_000, over: 3 * Self.day, scale, &randomness) { number, randomness in
            number / 100 + ranks.rank(&randomness)
        }
    }

    /// Requests one by one, each asking the question that `choose` names.
    private static func poisson(
        count: Int, over duration: Double, _ scale: Double, _ randomness: inout TrafficRandomness,
        choose: (Int, inout TrafficRandomness) -> Int
    ) -> [RequestTrace.Request] {
        let system = GeneratedText.text(1, tokens: 1_200)
        var seconds = 0.0
        return (0..<Int(Double(count) * scale)).map { number in
            seconds += randomness.exponential(mean: duration / Double(count))
            let question = UInt64(choose(number, &randomness))
            return Self.request(
                at: seconds, system: system,
                messages: [
                    RequestBody.message(
                        role: "user", GeneratedText.text(1_000 + question, tokens: 20 + Int(question % 60)))
                ],
                session: number, answer: 5_000_000 + question, answerTokens: 80 + Int(question * 7 % 240))
        }
    }

    /// Many equal requests at once.
    package static let bursts = GeneratedTraffic(
        name: "bursts", kind: .live,
        summary:
            "an event that many react to: 100 bursts in an hour, each of 50 equal requests within a second, the size "
            + "that the comparisons of gateways use; fitted to nothing"
    ) { randomness, scale in
        var requests: [RequestTrace.Request] = []
        for burst in 0..<Int(100 * scale) {
            let start = Double(burst) * 36 + randomness.unit() * 10
            for _ in 0..<50 {
                requests.append(
                    Self.request(
                        at: start + randomness.unit(), system: nil,
                        messages: [
                            RequestBody.message(role: "user", GeneratedText.text(1_000 + UInt64(burst), tokens: 150))
                        ],
                        session: burst, answer: 5_000_000 + UInt64(burst), answerTokens: 200))
            }
        }
        return requests
    }

    /// Conversations that grow.
    package static let chat = GeneratedTraffic(
        name: "chat", kind: .live,
        summary:
            "production chat: fitted to the hour of the Mooncake trace (mean input 12,035 tokens and output 343, 1 % "
            + "exact repeats, prefixes shared to 29 % within five minutes and 37 % ever)"
    ) { randomness, scale in
        let system = GeneratedText.text(1, tokens: 512)
        var requests: [RequestTrace.Request] = []
        for session in 0..<Int(500 * scale) {
            var seconds = Double(session) * 3_600 / 500
            var messages: [[UInt8]] = []
            var turn = 0
            repeat {
                let id = UInt64(session * 1_000 + turn)
                // The first turn brings a document, the others ask about it.
                let tokens = turn == 0 ? randomness.logNormal(median: 6_200, sigma: 1.05) : 250
                messages.append(
                    RequestBody.message(
                        role: "user", GeneratedText.text(1_000 + id, tokens: min(120_000, Int(tokens)))))
                let answer = 5_000_000 + id
                let length = 343
                requests.append(
                    Self.request(
                        at: seconds, system: system, messages: messages, session: session, answer: answer,
                        answerTokens: length))
                // Sent again, by an impatient user or a client that timed out.
                if randomness.chance(0.01) {
                    requests.append(requests[requests.count - 1].repeated(afterSeconds: 30 + 60 * randomness.unit()))
                }
                messages.append(
                    RequestBody.message(role: "assistant", GeneratedText.text(answer, tokens: length)))
                seconds += 10 + randomness.exponential(mean: 260)
                turn += 1
            } while randomness.chance(0.3)
        }
        return requests
    }

    /// Questions with the passages that were found for them.
    package static let retrieval = GeneratedTraffic(
        name: "retrieval", kind: .live,
        summary:
            "answers from documents: five passages of 169 tokens, the mean of the cookbook's chunks, in the order of "
            + "their rank, out of 737, by Zipf's law with the exponent 0.8; one question in ten is asked again; else "
            + "fitted to nothing"
    ) { randomness, scale in
        let system = GeneratedText.text(1, tokens: 600)
        let ranks = ZipfRanks(count: 737, exponent: 0.8)
        var seconds = 0.0
        var asked: [(messages: [[UInt8]], id: UInt64)] = []
        return (0..<Int(5_000 * scale)).map { number in
            seconds += randomness.exponential(mean: Self.day / 5_000)
            if !randomness.chance(0.1) || asked.isEmpty {
                var text: [UInt8] = []
                for _ in 0..<5 {
                    text += GeneratedText.text(1_000 + UInt64(ranks.rank(&randomness)), tokens: 169)
                    text.append(UInt8(ascii: "\n"))
                }
                text += GeneratedText.text(2_000_000 + UInt64(number), tokens: 25)
                asked.append(([RequestBody.message(role: "user", text)], UInt64(number)))
            }
            // The newest are the likeliest to be asked again.
            let again = asked.count - 1 - min(asked.count - 1, Int(randomness.exponential(mean: 200)))
            let choice = asked[asked.last?.id == UInt64(number) ? asked.count - 1 : again]
            return Self.request(
                at: seconds, system: system, messages: choice.messages, session: number,
                answer: 5_000_000 + choice.id, answerTokens: 150)
        }
    }
}

extension RequestTrace.Request {
    /// The same request, later.
    func repeated(afterSeconds seconds: Double) -> RequestTrace.Request {
        var request = self
        request.time = self.time.advanced(by: .milliseconds(Int64(seconds * 1_000)))
        return request
    }
}
