/// First in, first out: hits change nothing.
package struct FIFOPolicy: EvictionPolicy {
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
        guard self.sizes[Int(request.key)] == 0 else { return true }
        guard Int(request.size) <= self.capacity else { return false }
        while self.queue.size + Int(request.size) > self.capacity {
            let victim = self.queue.oldest
            self.queue.remove(victim, size: self.sizes[Int(victim)], &self.links)
            self.sizes[Int(victim)] = 0
        }
        self.sizes[Int(request.key)] = request.size
        self.queue.add(request.key, size: request.size, &self.links)
        return false
    }
}
