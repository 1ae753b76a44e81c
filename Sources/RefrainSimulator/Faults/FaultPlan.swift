/// Which requests something goes wrong with.
///
/// Rules are asked in order, and the first that applies decides; so a request has one fault at most. The choice is a
/// function of the seed and of the order in which requests arrive.
public struct FaultPlan: Sendable {
    /// A fault and the requests that it strikes.
    public struct Rule: Hashable, Sendable {
        enum Schedule: Hashable {
            case first(Int)
            case every(Int)
            case rate(Double)
        }

        let fault: Fault
        let schedule: Schedule

        /// The first `count` requests that reach the rule.
        public static func first(_ count: Int, _ fault: Fault) -> Rule {
            Rule(fault: fault, schedule: .first(max(0, count)))
        }
        /// Every `n`th request that reaches the rule.
        public static func every(_ n: Int, _ fault: Fault) -> Rule { Rule(fault: fault, schedule: .every(max(1, n))) }
        /// A request with probability `rate`, from 0 to 1.
        public static func rate(_ rate: Double, _ fault: Fault) -> Rule {
            Rule(fault: fault, schedule: .rate(min(max(0, rate), 1)))
        }

        /// The rule that `text` describes: a fault (see ``Fault``) that strikes every request, or only the first N
        /// (`overloaded*2`), every Nth (`reset/10`), or a share of them (`error@0.05`).
        ///
        /// - Throws: ``FaultSyntaxError`` where it describes none.
        public init(parsing text: some StringProtocol) throws(FaultSyntaxError) {
            // A drip's argument has a slash too, so the schedule's is the one after it.
            for (mark, isDrip) in [("*", false), ("@", false), ("/", text.lowercased().hasPrefix("drip"))] {
                let parts = text.split(separator: Character(mark), omittingEmptySubsequences: false)
                guard parts.count > (isDrip ? 2 : 1), let last = parts.last else { continue }
                let fault = try Fault(parsing: text.dropLast(last.count + 1))
                switch mark {
                case "*":
                    guard let count = Int(last), count >= 0 else { throw FaultSyntaxError(text) }
                    self = .first(count, fault)
                case "/":
                    guard let n = Int(last), n > 0 else { throw FaultSyntaxError(text) }
                    self = .every(n, fault)
                default:
                    guard let rate = Double(last), (0...1).contains(rate) else { throw FaultSyntaxError(text) }
                    self = .rate(rate, fault)
                }
                return
            }
            self = .every(1, try Fault(parsing: text))
        }

        private init(fault: Fault, schedule: Schedule) {
            self.fault = fault
            self.schedule = schedule
        }
    }

    private var rules: [Rule]
    private var asked: [Int]

    /// Nothing goes wrong.
    public static let none = FaultPlan([])

    /// Creates a plan from rules in the order in which they are asked.
    public init(_ rules: [Rule]) {
        self.rules = rules
        self.asked = rules.map { _ in 0 }
    }

    /// Puts `rules` before the ones that are there.
    mutating func prepend(_ rules: [Rule]) {
        self.rules.insert(contentsOf: rules, at: 0)
        self.asked.insert(contentsOf: rules.map { _ in 0 }, at: 0)
    }

    /// The fault of the next request.
    mutating func next(_ random: inout SeededGenerator) -> Fault? {
        for index in self.rules.indices {
            self.asked[index] += 1
            let strikes =
                switch self.rules[index].schedule {
                case .first(let count): self.asked[index] <= count
                case .every(let n): self.asked[index] % n == 0
                case .rate(let rate): random.fraction() < rate
                }
            if strikes { return self.rules[index].fault }
        }
        return nil
    }
}
