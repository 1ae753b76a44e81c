/// W-TinyLFU: new keys pass an LRU window and enter a segmented LRU only where a sketch has seen them more often than the
/// keys that would leave for them (Einziger, Friedman and Manes, ACM TOS 2017).
///
/// The window begins with 1 % of the capacity, and four fifths of the rest are protected. With `climbs`, the window's
/// share follows a hill climber (Einziger, Eytan, Friedman and Manes, Middleware 2018), with the settings of Caffeine.
package struct WTinyLFUPolicy: EvictionPolicy {
    private enum Place: UInt8 { case none, window, probation, protected }

    private let capacity: Int
    private var windowCapacity: Int
    private var links: KeyLinks
    private var window = KeyQueue()
    private var probation = KeyQueue()
    private var protected = KeyQueue()
    private var sizes: [Int32]
    private var places: [Place]
    private var sketch: FrequencySketch
    private var climber: WindowClimber?

    /// Creates an empty cache.
    ///
    /// - Parameters:
    ///   - capacity: The most that entries may take, in the trace's unit of size.
    ///   - keyCount: The number of keys in the trace.
    ///   - entries: About how many entries fit, for the sketch and the climber.
    ///   - climbs: Whether the window's share changes.
    package init(capacity: Int, keyCount: Int, entries: Int, climbs: Bool) {
        self.capacity = capacity
        self.windowCapacity = max(1, capacity / 100)
        self.links = KeyLinks(keyCount: keyCount)
        self.sizes = [Int32](repeating: 0, count: keyCount)
        self.places = [Place](repeating: .none, count: keyCount)
        self.sketch = FrequencySketch(entries: entries)
        self.climber = climbs ? WindowClimber(entries: entries) : nil
    }

    private var protectedCapacity: Int { (self.capacity - self.windowCapacity) * 4 / 5 }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        self.sketch.add(request.key)
        let place = self.places[Int(request.key)]
        if let change = self.climber?.note(isHit: place != .none) {
            let changed = Double(self.windowCapacity) + change * Double(self.capacity)
            self.windowCapacity = min(max(1, Int(changed)), max(1, self.capacity * 4 / 5))
            self.settle()
        }
        switch place {
        case .window: self.move(request.key, to: .window)
        case .probation, .protected: self.move(request.key, to: .protected)
        case .none:
            guard Int(request.size) <= self.capacity else { return false }
            self.sizes[Int(request.key)] = request.size
            self.move(request.key, to: .window)
        }
        self.settle()
        return place != .none
    }

    /// Brings each queue below its capacity.
    private mutating func settle() {
        while self.protected.size > self.protectedCapacity { self.move(self.protected.oldest, to: .probation) }
        // Where the window shrinks or is too small for its last entry, the oldest become candidates.
        while self.window.size > self.windowCapacity {
            let candidate = self.window.oldest
            let isFull = self.window.size + self.probation.size + self.protected.size > self.capacity
            if isFull { self.admit(candidate) } else { self.move(candidate, to: .probation) }
        }
        while self.window.size + self.probation.size + self.protected.size > self.capacity {
            self.move(self.mainVictim(), to: .none)
        }
    }

    private func mainVictim() -> Int32 {
        if self.probation.count > 0 { return self.probation.oldest }
        return self.protected.count > 0 ? self.protected.oldest : self.window.oldest
    }

    /// Lets `candidate` into the main part if it has been seen more often than each key in its way; drops it otherwise.
    private mutating func admit(_ candidate: Int32) {
        let frequency = self.sketch.frequency(candidate)
        while self.window.size + self.probation.size + self.protected.size > self.capacity {
            let victim = self.mainVictim()
            guard victim != candidate, frequency > self.sketch.frequency(victim) else {
                self.move(candidate, to: .none)
                return
            }
            self.move(victim, to: .none)
        }
        self.move(candidate, to: .probation)
    }

    private mutating func move(_ key: Int32, to place: Place) {
        let size = self.sizes[Int(key)]
        switch self.places[Int(key)] {
        case .none: break
        case .window: self.window.remove(key, size: size, &self.links)
        case .probation: self.probation.remove(key, size: size, &self.links)
        case .protected: self.protected.remove(key, size: size, &self.links)
        }
        switch place {
        case .none: break
        case .window: self.window.add(key, size: size, &self.links)
        case .probation: self.probation.add(key, size: size, &self.links)
        case .protected: self.protected.add(key, size: size, &self.links)
        }
        self.places[Int(key)] = place
    }
}
