/// Text that reads like an answer as far as a cache or a client can tell: sentences, paragraphs, lists, and the
/// characters that break careless encoders.
enum SimulatedProse {
    private static let words = """
        the a this that each every most many some model cache request answer response prompt token stream event \
        block tool message system user client server network latency cost budget window prefix entry key value \
        result reason method example question context language structure pattern service process memory storage \
        time change difference approach decision detail effect measure number order part point problem question \
        rate rule sample scale shape simple stable useful common different early exact fast final first general \
        large likely local longer natural possible previous quick reliable separate several short similar slow \
        small specific strong whole careful is has keeps makes needs reads returns sends shows stays takes uses \
        writes depends follows becomes begins ends and but or because when where while so then also often \
        usually always sometimes already still instead together with without for from into over under between \
        after before during through about against among across understanding implementation consideration \
        representation infrastructure
        """.split(separator: " ").map(String.init)

    private static let rarities = [
        "naïve", "\"quoted\"", "C:\\temp", "café", "50%", "1,024", "→", "日本語", "👍", "it's", "—",
    ]

    /// Text of about `tokens` estimated tokens, at most that many, at least one word unless `tokens` is 0.
    static func text(tokens: Int, _ random: inout SeededGenerator) -> String {
        var text = ""
        var total = 0
        var sentence = 0
        var sentences = 0
        while total < tokens {
            var word = random.next() % 40 == 0 ? random.pick(Self.rarities) : random.pick(Self.words)
            if sentence == 0, let first = word.first { word = first.uppercased() + word.dropFirst() }
            sentence += 1
            let ends = sentence > 5 && random.next() % 8 == 0
            if ends { word += "." } else if sentence > 3, random.next() % 12 == 0 { word += "," }
            var separator = text.isEmpty ? "" : " "
            if sentence == 1, sentences > 0, sentences % 4 == 0 { separator = random.next() % 3 == 0 ? "\n- " : "\n\n" }
            let cost = TokenEstimate.text((separator + word).utf8)
            if total + cost > tokens, total > 0 { break }
            text += separator + word
            total += cost
            if ends {
                sentence = 0
                sentences += 1
            }
        }
        return text
    }

    /// The length of an answer in tokens where nothing says otherwise: a few dozen to a few hundred.
    static func usualLength(_ random: inout SeededGenerator) -> Int {
        let base = random.pick([24, 40, 60, 80, 110, 150, 200, 280, 400])
        return base + Int(random.next() % UInt64(base / 2))
    }

    /// A word or two for a field's value.
    static func phrase(_ random: inout SeededGenerator) -> String {
        random.next() % 3 == 0 ? random.pick(Self.words) : random.pick(Self.words) + " " + random.pick(Self.words)
    }
}
