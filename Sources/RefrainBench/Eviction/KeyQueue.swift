/// The neighbours of keys in queues, for any number of queues that have no key in common.
struct KeyLinks {
    fileprivate var newer: [Int32]
    fileprivate var older: [Int32]

    init(keyCount: Int) {
        self.newer = [Int32](repeating: -1, count: keyCount)
        self.older = self.newer
    }

    /// The key that was added just after `key`; -1 for the newest.
    func newer(than key: Int32) -> Int32 { self.newer[Int(key)] }
}

/// A queue of keys that gives each up from any place in O(1).
struct KeyQueue {
    /// The key added last; -1 where there is none.
    private(set) var newest: Int32 = -1
    /// The key added first; -1 where there is none.
    private(set) var oldest: Int32 = -1
    /// The number of keys.
    private(set) var count = 0
    /// The sum of their sizes.
    private(set) var size = 0

    /// Adds a key, which is in no queue, at the new end.
    mutating func add(_ key: Int32, size: Int32, _ links: inout KeyLinks) {
        links.newer[Int(key)] = -1
        links.older[Int(key)] = self.newest
        if self.newest < 0 { self.oldest = key } else { links.newer[Int(self.newest)] = key }
        self.newest = key
        self.count += 1
        self.size += Int(size)
    }

    /// Takes out a key that is in this queue.
    mutating func remove(_ key: Int32, size: Int32, _ links: inout KeyLinks) {
        let newer = links.newer[Int(key)]
        let older = links.older[Int(key)]
        if newer < 0 { self.newest = older } else { links.older[Int(newer)] = older }
        if older < 0 { self.oldest = newer } else { links.newer[Int(older)] = newer }
        self.count -= 1
        self.size -= Int(size)
    }
}
