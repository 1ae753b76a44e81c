/// First in, first out: hits change nothing.
package struct FIFOPolicy: EvictionPolicy {
    private var queue: BoundedQueue

    package init(capacity: Int, keyCount: Int) {
        self.queue = BoundedQueue(capacity: capacity, keyCount: keyCount)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        if self.queue.contains(request.key) { return true }
        self.queue.add(request)
        return false
    }
}
