/// Puts what finishes in any order back into the order in which it was begun. A value without I/O.
struct OrderedOutput<Element> {
    private var waiting: [Int: Element] = [:]
    private var next = 0

    /// How many elements wait for an earlier one.
    var waitingCount: Int { self.waiting.count }

    /// Takes the element at `index` and returns those whose turn has come, in order.
    mutating func insert(_ element: Element, at index: Int) -> [Element] {
        self.waiting[index] = element
        var ready: [Element] = []
        while let element = self.waiting.removeValue(forKey: self.next) {
            ready.append(element)
            self.next += 1
        }
        return ready
    }

    /// Everything still waiting, in order, for when no more will come.
    mutating func drain() -> [Element] {
        defer { self.waiting.removeAll() }
        return self.waiting.sorted { $0.key < $1.key }.map(\.value)
    }
}
