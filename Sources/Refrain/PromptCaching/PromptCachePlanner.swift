public import RefrainCore
import RefrainKeys

/// Decides where `cache_control` marks go in a request, and puts them there.
///
/// A plan depends on nothing but the body and the planner, so the same body always becomes the same bytes. A body that
/// holds marks already is never changed, so placing marks twice is placing them once.
///
/// The response key is taken from the body as the caller gave it, before marks are placed.
public struct PromptCachePlanner: Sendable {
    /// Who places the marks.
    public var promptCaching: PromptCaching
    private let minimumTokens: @Sendable (String) -> Int?

    /// The most marks that the API accepts in one request.
    static let maximumMarks = 4
    /// How many blocks the API looks at from a mark backwards, the marked one included.
    static let window = 20
    /// The smallest minimum of any model, for models whose own is not known: a mark too many costs nothing.
    static let smallestMinimum = 512

    /// Creates a planner.
    ///
    /// - Parameters:
    ///   - promptCaching: Who places the marks.
    ///   - models: The fewest tokens of a prefix that each model caches.
    public init(_ promptCaching: PromptCaching, models: ModelTable = .standard) {
        self.init(promptCaching) { models.minimumCacheableTokens(of: $0) }
    }

    /// Creates a planner.
    ///
    /// - Parameters:
    ///   - promptCaching: Who places the marks.
    ///   - minimumTokens: The fewest tokens of a prefix that a model caches, by the model's exact id; nil for a model
    ///     that is not known.
    package init(_ promptCaching: PromptCaching, minimumTokens: @escaping @Sendable (String) -> Int?) {
        self.promptCaching = promptCaching
        self.minimumTokens = minimumTokens
    }

    /// The body as it is to be sent, and the plan that made it.
    ///
    /// Linear in the body's size. All bytes of the body stay as they are and where they are; marks are put between
    /// them, and a string that is to carry one becomes an array of one text block.
    public func apply(to body: [UInt8]) -> (body: [UInt8], plan: PromptCachePlan) {
        let plan = self.plan(for: body)
        return (plan.spliced(into: body), plan)
    }

    /// Where the marks of a body go. Linear in the body's size.
    public func plan(for body: [UInt8]) -> PromptCachePlan {
        guard self.promptCaching != .off else { return .none(.notAutomatic) }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(body)
        } catch {
            return .none(.unreadable)
        }
        let survey = PromptCacheSurvey(document.root)
        guard survey.callerMarks.isEmpty, case .automatic(let ttl) = self.promptCaching.mode else {
            var plan = PromptCachePlan.none(survey.callerMarks.isEmpty ? .notAutomatic : .callerMarked)
            plan.marks = survey.callerMarks.map { .init(purpose: .caller, path: $0, estimatedTokens: 0) }
            return plan
        }
        if let obstacle = survey.obstacle { return .none(obstacle) }
        let minimum = survey.model.flatMap(self.minimumTokens) ?? Self.smallestMinimum
        var draft = Draft(survey, minimum: minimum)
        draft.choose()
        return draft.plan(ttl)
    }
}

extension PromptCachePlanner {
    /// The marks of one request while they are chosen.
    private struct Draft {
        private let survey: PromptCacheSurvey
        private let minimum: Int
        private var chosen: [(purpose: PromptCachePlan.Purpose, site: PromptCacheSurvey.Site)] = []
        private var omissions: [PromptCachePlan.Omission] = []

        init(_ survey: PromptCacheSurvey, minimum: Int) {
            self.survey = survey
            self.minimum = minimum
        }

        /// Chooses the marks, the most useful first, until there are four.
        mutating func choose() {
            let conversation = self.chooseConversation()
            self.choose(.system, self.survey.system)
            if let conversation { self.chooseEarlier(than: conversation) }
            self.choose(.tools, self.survey.tools)
        }

        private mutating func choose(_ purpose: PromptCachePlan.Purpose, _ sites: [PromptCacheSurvey.Site]) {
            guard !sites.isEmpty else { return self.omit(purpose, .absent) }
            guard let site = sites.last(where: { $0.placement != nil }) else { return self.omit(purpose, .notMarkable) }
            self.mark(purpose, site)
        }

        /// Marks the last block of the conversation; the block's index, where there is one to mark.
        ///
        /// A message of the assistant's at the very end is the beginning of the answer: the next request holds it with
        /// the rest of the answer appended, so it is no turn, and nothing that includes it is ever read.
        private mutating func chooseConversation() -> (block: Int, lastTurn: Range<Int>)? {
            let messages = self.survey.messages
            guard let last = messages.lastIndex(where: { !$0.isAssistant }),
                let turnEnd = messages[..<last].lastIndex(where: \.isAssistant)
            else {
                self.omit(.conversation, .singleShot)
                return nil
            }
            let turnStart = messages[..<turnEnd].lastIndex { !$0.isAssistant }.map { $0 + 1 } ?? 0
            guard let block = self.lastMarkable(before: messages[last].blocks.upperBound) else {
                self.omit(.conversation, .notMarkable)
                return nil
            }
            guard self.mark(.conversation, self.survey.blocks[block]) else { return nil }
            return (block, turnStart..<turnEnd + 1)
        }

        /// Marks where the request before this one was marked, which is before the last assistant turn, and a block in
        /// between where the distance is more than the API looks back.
        private mutating func chooseEarlier(than conversation: (block: Int, lastTurn: Range<Int>)) {
            let end = self.survey.messages[conversation.lastTurn.lowerBound].blocks.lowerBound
            var written = -1
            switch self.lastMarkable(before: end) {
            case nil: self.omit(.anchor, end == 0 ? .absent : .notMarkable)
            case conversation.block?: self.omit(.anchor, .redundant)
            case let anchor?: if self.mark(.anchor, self.survey.blocks[anchor]) { written = anchor }
            }
            // Every block counts as a position. The API counts a run of tool uses, or of tool results, as one, but did
            // not always; counting more only places a mark that was not needed.
            let reach = conversation.block - PromptCachePlanner.window
            guard reach >= max(written, 0) else { return }
            let candidates = max(reach, written + 1)..<conversation.block
            guard let block = candidates.first(where: { self.survey.blocks[$0].placement != nil }) else {
                return self.omit(.intermediate, .notMarkable)
            }
            self.mark(.intermediate, self.survey.blocks[block])
        }

        private func lastMarkable(before end: Int) -> Int? {
            self.survey.blocks[..<end].lastIndex { $0.placement != nil }
        }

        /// Marks `site`, unless its prefix is too short or four are marked already; whether it did.
        @discardableResult
        private mutating func mark(_ purpose: PromptCachePlan.Purpose, _ site: PromptCacheSurvey.Site) -> Bool {
            guard site.tokens >= self.minimum else {
                self.omit(purpose, .belowMinimum)
                return false
            }
            guard self.chosen.count < PromptCachePlanner.maximumMarks else {
                self.omit(purpose, .noMarkLeft)
                return false
            }
            self.chosen.append((purpose, site))
            return true
        }

        private mutating func omit(_ purpose: PromptCachePlan.Purpose, _ reason: PromptCachePlan.Reason) {
            self.omissions.append(.init(purpose: purpose, reason: reason))
        }

        /// The plan of what was chosen.
        func plan(_ ttl: PromptCacheTTL) -> PromptCachePlan {
            var plan = PromptCachePlan(omissions: self.omissions)
            // No two sites have the same number of tokens before them, since none is empty.
            for (purpose, site) in self.chosen.sorted(by: { $0.site.tokens < $1.site.tokens }) {
                plan.marks.append(.init(purpose: purpose, path: site.markedPath, estimatedTokens: site.tokens))
                plan.edits += site.edits(ttl.mark)
            }
            // The members of a request may stand in any order, the edits must not.
            plan.edits.sort { $0.range.lowerBound < $1.range.lowerBound }
            return plan
        }
    }
}

extension PromptCacheSurvey.Site {
    /// Where the mark stands once it is placed: a string that carries one has become an array.
    fileprivate var markedPath: String {
        if case .wrap? = self.placement { self.place.path + "[0]" } else { self.place.path }
    }

    /// The edits that put `mark` on the site.
    fileprivate func edits(_ mark: [UInt8]) -> [PromptCachePlan.Edit] {
        let name = Array(#","cache_control":"#.utf8)
        switch self.placement {
        case .append(let end)?: return [.init(range: end..<end, replacement: name + mark)]
        case .replace(let null)?: return [.init(range: null, replacement: mark)]
        case .wrap(let string)?:
            let (start, end) = (string.lowerBound, string.upperBound)
            return [
                .init(range: start..<start, replacement: Array(#"[{"type":"text","text":"#.utf8)),
                .init(range: end..<end, replacement: name + mark + Array("}]".utf8)),
            ]
        case nil: return []
        }
    }
}
