/// Keys in a queue, with the sizes of their entries, which together are never more than a capacity.
struct BoundedQueue {
    private let capacity: Int
    private var links: KeyLinks
    private var queue = KeyQueue()
    /// By the key; 0 where it is not there.
    private var sizes: [Int32]

    /// Creates an empty queue for keys less than `keyCount`.
    init(capacity: Int, keyCount: Int) {
        self.capacity = capacity
        self.links = KeyLinks(keyCount: keyCount)
        self.sizes = [Int32](repeating: 0, count: keyCount)
    }

    /// Whether the key is there.
    func contains(_ key: Int32) -> Bool { self.sizes[Int(key)] > 0 }

    /// Adds a key that is not there at the new end, and takes out the oldest ones until it fits. What never fits is not added.
    mutating func add(_ request: EvictionTrace.Request) {
        guard Int(request.size) <= self.capacity else { return }
        while self.queue.size + Int(request.size) > self.capacity {
            let victim = self.queue.oldest
            self.queue.remove(victim, size: self.sizes[Int(victim)], &self.links)
            self.sizes[Int(victim)] = 0
        }
        self.sizes[Int(request.key)] = request.size
        self.queue.add(request.key, size: request.size, &self.links)
    }

    /// Moves a key that is there to the new end.
    mutating func renew(_ key: Int32) {
        let size = self.sizes[Int(key)]
        self.queue.remove(key, size: size, &self.links)
        self.queue.add(key, size: size, &self.links)
    }
}
