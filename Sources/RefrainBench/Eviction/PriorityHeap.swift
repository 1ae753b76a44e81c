/// A binary heap of keys, the least priority first.
struct PriorityHeap {
    private var elements: [(key: Int32, priority: Double)] = []

    mutating func push(_ key: Int32, _ priority: Double) {
        self.elements.append((key, priority))
        var child = self.elements.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard self.elements[child].priority < self.elements[parent].priority else { return }
            self.elements.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popLeast() -> (key: Int32, priority: Double)? {
        guard let least = self.elements.first, let last = self.elements.popLast() else { return nil }
        guard !self.elements.isEmpty else { return least }
        self.elements[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.elements.count && self.elements[child].priority < self.elements[least].priority {
                least = child
            }
            guard least != parent else { break }
            self.elements.swapAt(parent, least)
            parent = least
        }
        return least
    }
}
