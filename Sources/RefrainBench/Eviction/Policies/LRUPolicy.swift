/// Least recently used: the key requested longest ago leaves first.
package struct LRUPolicy: EvictionPolicy {
    private var queue: BoundedQueue

    package init(capacity: Int, keyCount: Int) {
        self.queue = BoundedQueue(capacity: capacity, keyCount: keyCount)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        if self.queue.contains(request.key) {
            self.queue.renew(request.key)
            return true
        }
        self.queue.add(request)
        return false
    }
}
