/// SIEVE: a queue in which hits mark, and a hand that takes marks away and evicts what has none
/// (Zhang, Yang, Yue, Vigfusson and Rashmi, NSDI 2024).
package struct SIEVEPolicy: EvictionPolicy {
    private let capacity: Int
    private var links: KeyLinks
    private var queue = KeyQueue()
    private var sizes: [Int32]
    private var isVisited: [Bool]
    /// The key at which the hand stands; -1 for the oldest.
    private var hand: Int32 = -1

    package init(capacity: Int, keyCount: Int) {
        self.capacity = capacity
        self.links = KeyLinks(keyCount: keyCount)
        self.sizes = [Int32](repeating: 0, count: keyCount)
        self.isVisited = [Bool](repeating: false, count: keyCount)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        let key = Int(request.key)
        if self.sizes[key] > 0 {
            self.isVisited[key] = true
            return true
        }
        guard Int(request.size) <= self.capacity else { return false }
        while self.queue.size + Int(request.size) > self.capacity { self.evict() }
        self.sizes[key] = request.size
        self.isVisited[key] = false
        self.queue.add(request.key, size: request.size, &self.links)
        return false
    }

    private mutating func evict() {
        var victim = self.hand < 0 ? self.queue.oldest : self.hand
        while self.isVisited[Int(victim)] {
            self.isVisited[Int(victim)] = false
            let next = self.links.newer(than: victim)
            victim = next < 0 ? self.queue.oldest : next
        }
        self.hand = self.links.newer(than: victim)
        self.queue.remove(victim, size: self.sizes[Int(victim)], &self.links)
        self.sizes[Int(victim)] = 0
    }
}
