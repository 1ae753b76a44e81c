/// Least recently used: the key requested longest ago leaves first.
package struct LRUPolicy: EvictionPolicy {
    private let capacity: Int
    private var links: KeyLinks
    private var queue = KeyQueue()
    private var sizes: [Int32]

    package init(capacity: Int, keyCount: Int) {
        self.capacity = capacity
        self.links = KeyLinks(keyCount: keyCount)
        self.sizes = [Int32](repeating: 0, count: keyCount)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        let key = Int(request.key)
        let isHit = self.sizes[key] > 0
        if isHit {
            self.queue.remove(request.key, size: self.sizes[key], &self.links)
        } else {
            guard Int(request.size) <= self.capacity else { return false }
            self.sizes[key] = request.size
            while self.queue.size + Int(request.size) > self.capacity {
                let victim = self.queue.oldest
                self.queue.remove(victim, size: self.sizes[Int(victim)], &self.links)
                self.sizes[Int(victim)] = 0
            }
        }
        self.queue.add(request.key, size: self.sizes[key], &self.links)
        return isHit
    }
}
