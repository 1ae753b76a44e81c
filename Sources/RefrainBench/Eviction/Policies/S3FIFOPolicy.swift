/// S3-FIFO: a small queue for new keys, a main queue for those requested again, and a ghost queue of the names of keys
/// that left the small one (Yang, Zhang, Qiu, Yue and Rashmi, SOSP 2023).
///
/// As in the authors' simulator: the small queue has a tenth of the capacity and the ghost nine tenths, keys move to the
/// main queue from two hits on, and the main queue is filled directly until the first eviction.
package struct S3FIFOPolicy: EvictionPolicy {
    private enum Place: UInt8 { case none, small, main, ghost }
    private static let moveFrequency: UInt8 = 2
    private static let maximumFrequency: UInt8 = 3

    private let capacity: Int
    private let smallCapacity: Int
    private let ghostCapacity: Int
    private var links: KeyLinks
    private var small = KeyQueue()
    private var main = KeyQueue()
    private var ghost = KeyQueue()
    private var sizes: [Int32]
    private var places: [Place]
    private var frequencies: [UInt8]
    private var hasEvicted = false

    package init(capacity: Int, keyCount: Int) {
        self.capacity = capacity
        self.smallCapacity = capacity / 10
        self.ghostCapacity = capacity * 9 / 10
        self.links = KeyLinks(keyCount: keyCount)
        self.sizes = [Int32](repeating: 0, count: keyCount)
        self.places = [Place](repeating: .none, count: keyCount)
        self.frequencies = [UInt8](repeating: 0, count: keyCount)
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        let key = Int(request.key)
        let place = self.places[key]
        if place == .small || place == .main {
            self.frequencies[key] = min(self.frequencies[key] + 1, Self.maximumFrequency)
            return true
        }
        if place == .ghost {
            self.ghost.remove(request.key, size: self.sizes[key], &self.links)
            self.places[key] = .none
        }
        guard Int(request.size) <= self.capacity else { return false }
        while self.small.size + self.main.size + Int(request.size) > self.capacity { self.evict() }
        self.sizes[key] = request.size
        self.frequencies[key] = 0
        if place == .ghost || !self.hasEvicted && self.small.size + Int(request.size) > self.smallCapacity {
            self.enter(.main, request.key)
        } else {
            self.enter(.small, request.key)
        }
        return false
    }

    private mutating func enter(_ place: Place, _ key: Int32) {
        self.places[Int(key)] = place
        let size = self.sizes[Int(key)]
        switch place {
        case .none: break
        case .small: self.small.add(key, size: size, &self.links)
        case .main: self.main.add(key, size: size, &self.links)
        case .ghost: self.ghost.add(key, size: size, &self.links)
        }
    }

    /// Evicts one key, or moves keys between the queues.
    private mutating func evict() {
        self.hasEvicted = true
        if self.main.count == 0 || self.small.size > self.smallCapacity, self.small.count > 0 {
            self.evictFromSmall()
        } else {
            self.evictFromMain()
        }
    }

    private mutating func evictFromSmall() {
        while self.small.count > 0 {
            let key = self.small.oldest
            self.small.remove(key, size: self.sizes[Int(key)], &self.links)
            if self.frequencies[Int(key)] >= Self.moveFrequency {
                self.frequencies[Int(key)] = 0
                self.enter(.main, key)
            } else {
                self.remember(key)
                return
            }
        }
    }

    private mutating func remember(_ key: Int32) {
        let size = Int(self.sizes[Int(key)])
        self.places[Int(key)] = .none
        guard size <= self.ghostCapacity else { return }
        while self.ghost.size + size > self.ghostCapacity {
            let forgotten = self.ghost.oldest
            self.ghost.remove(forgotten, size: self.sizes[Int(forgotten)], &self.links)
            self.places[Int(forgotten)] = .none
        }
        self.enter(.ghost, key)
    }

    private mutating func evictFromMain() {
        while self.main.count > 0 {
            let key = self.main.oldest
            self.main.remove(key, size: self.sizes[Int(key)], &self.links)
            guard self.frequencies[Int(key)] > 0 else {
                self.places[Int(key)] = .none
                return
            }
            self.frequencies[Int(key)] -= 1
            self.enter(.main, key)
        }
    }
}
