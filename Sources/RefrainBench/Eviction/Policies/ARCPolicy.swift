/// ARC: a list of keys requested once and one of keys requested again, whose shares follow the hits in the names that
/// each has lost (Megiddo and Modha, FAST 2003).
///
/// Sizes other than 1 are taken as the number of unit entries that they are worth, which keeps the paper's invariants
/// but is not part of it.
package struct ARCPolicy: EvictionPolicy {
    private enum Place: UInt8 { case none, recent, frequent, recentGhost, frequentGhost }

    private let capacity: Int
    private var links: KeyLinks
    // T1, T2, B1 and B2 of the paper.
    private var recent = KeyQueue()
    private var frequent = KeyQueue()
    private var recentGhost = KeyQueue()
    private var frequentGhost = KeyQueue()
    private var sizes: [Int32]
    private var places: [Place]
    /// The size that the list of keys requested once is to have: p of the paper.
    private var target = 0.0

    package init(capacity: Int, keyCount: Int) {
        self.capacity = capacity
        self.links = KeyLinks(keyCount: keyCount)
        self.sizes = [Int32](repeating: 0, count: keyCount)
        self.places = [Place](repeating: .none, count: keyCount)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        let size = Int(request.size)
        switch self.places[Int(request.key)] {
        case .recent, .frequent:
            self.move(request.key, to: .frequent)
            return true
        case .recentGhost:
            guard size <= self.capacity else { return false }
            let step = max(1, Double(self.frequentGhost.size) / Double(max(1, self.recentGhost.size)))
            self.target = min(self.target + step * Double(size), Double(self.capacity))
            self.move(request.key, to: .none)
            self.makeRoom(size, isFrequentGhost: false)
            self.enter(request, .frequent)
        case .frequentGhost:
            guard size <= self.capacity else { return false }
            let step = max(1, Double(self.recentGhost.size) / Double(max(1, self.frequentGhost.size)))
            self.target = max(self.target - step * Double(size), 0)
            self.move(request.key, to: .none)
            self.makeRoom(size, isFrequentGhost: true)
            self.enter(request, .frequent)
        case .none:
            guard size <= self.capacity else { return false }
            self.forget(size)
            self.makeRoom(size, isFrequentGhost: false)
            self.enter(request, .recent)
        }
        return false
    }

    private mutating func enter(_ request: EvictionTrace.Request, _ place: Place) {
        self.sizes[Int(request.key)] = request.size
        self.move(request.key, to: place)
    }

    /// Case IV of the paper, up to REPLACE.
    private mutating func forget(_ size: Int) {
        while self.recent.size + self.recentGhost.size + size > self.capacity {
            if self.recentGhost.count > 0 {
                self.move(self.recentGhost.oldest, to: .none)
            } else if self.recent.count > 0 {
                self.move(self.recent.oldest, to: .none)
            } else {
                break
            }
        }
        while self.recent.size + self.frequent.size + self.recentGhost.size + self.frequentGhost.size + size
            > 2 * self.capacity, self.frequentGhost.count > 0
        {
            self.move(self.frequentGhost.oldest, to: .none)
        }
    }

    /// REPLACE of the paper, until `size` fits.
    private mutating func makeRoom(_ size: Int, isFrequentGhost: Bool) {
        while self.recent.size + self.frequent.size + size > self.capacity {
            let isOver =
                Double(self.recent.size) > self.target
                || isFrequentGhost && Double(self.recent.size) == self.target
            if self.recent.count > 0, isOver || self.frequent.count == 0 {
                self.move(self.recent.oldest, to: .recentGhost)
            } else {
                self.move(self.frequent.oldest, to: .frequentGhost)
            }
        }
    }

    private mutating func move(_ key: Int32, to place: Place) {
        let size = self.sizes[Int(key)]
        switch self.places[Int(key)] {
        case .none: break
        case .recent: self.recent.remove(key, size: size, &self.links)
        case .frequent: self.frequent.remove(key, size: size, &self.links)
        case .recentGhost: self.recentGhost.remove(key, size: size, &self.links)
        case .frequentGhost: self.frequentGhost.remove(key, size: size, &self.links)
        }
        switch place {
        case .none: break
        case .recent: self.recent.add(key, size: size, &self.links)
        case .frequent: self.frequent.add(key, size: size, &self.links)
        case .recentGhost: self.recentGhost.add(key, size: size, &self.links)
        case .frequentGhost: self.frequentGhost.add(key, size: size, &self.links)
        }
        self.places[Int(key)] = place
    }
}
