/// Greedy-Dual-Size-Frequency, lazily: the key with the least of L + frequency x cost / size leaves first, where L is what
/// the last victim had (Cherkasova, HPL-98-69R1, 1998).
///
/// The frequency is a sketch's estimate. A hit only marks the key; its place in the heap is corrected when it comes up for
/// eviction, which is what a store can afford whose hits must be cheap.
package struct GDSFPolicy: EvictionPolicy {
    private let capacity: Int
    private var size = 0
    private var inflation = 0.0
    private var sizes: [Int32]
    private var costs: [Double]
    private var isMarked: [Bool]
    private var sketch: FrequencySketch
    private var heap = PriorityHeap()

    /// Creates an empty cache.
    ///
    /// - Parameters:
    ///   - capacity: The most that entries may take, in the trace's unit of size.
    ///   - keyCount: The number of keys in the trace.
    ///   - entries: About how many entries fit, for the sketch.
    package init(capacity: Int, keyCount: Int, entries: Int) {
        self.capacity = capacity
        self.sizes = [Int32](repeating: 0, count: keyCount)
        self.costs = [Double](repeating: 0, count: keyCount)
        self.isMarked = [Bool](repeating: false, count: keyCount)
        self.sketch = FrequencySketch(entries: entries)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        let key = Int(request.key)
        self.sketch.add(request.key)
        if self.sizes[key] > 0 {
            self.isMarked[key] = true
            return true
        }
        guard Int(request.size) <= self.capacity else { return false }
        while self.size + Int(request.size) > self.capacity { self.evict() }
        self.sizes[key] = request.size
        self.costs[key] = request.cost
        self.isMarked[key] = false
        self.size += Int(request.size)
        self.heap.push(request.key, self.priority(request.key))
        return false
    }

    private func priority(_ key: Int32) -> Double {
        let value = self.costs[Int(key)] * Double(self.sketch.frequency(key))
        return self.inflation + value / Double(self.sizes[Int(key)])
    }

    private mutating func evict() {
        while let (key, priority) = self.heap.popLeast() {
            if self.isMarked[Int(key)] {
                self.isMarked[Int(key)] = false
                self.heap.push(key, max(priority, self.priority(key)))
                continue
            }
            self.inflation = priority
            self.size -= Int(self.sizes[Int(key)])
            self.sizes[Int(key)] = 0
            return
        }
    }
}
