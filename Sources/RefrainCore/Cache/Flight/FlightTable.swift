import RefrainKeys

/// Which flights are under way: at most one per key that callers can join.
struct FlightTable {
    private var flights: [RequestKey: Flight] = [:]
    /// Every flight whose task has not ended, those that were replaced or purged too.
    private var flying: [ObjectIdentifier: Flight] = [:]
    /// How many observed calls are under way for a key.
    private var observed: [RequestKey: Int] = [:]
    /// Whether the cache was shut down.
    private(set) var isClosed = false

    /// Whether no flight's task is under way.
    var isIdle: Bool { self.flying.isEmpty }

    /// The flight that callers of `key` can join.
    func flight(for key: RequestKey) -> Flight? { self.flights[key] }

    /// Makes `flight` the one for its key, and returns the one before it.
    mutating func replace(with flight: Flight) -> Flight? { self.flights.updateValue(flight, forKey: flight.key) }

    /// Makes `flight` the one for its key, unless there is one: then returns that.
    mutating func insert(_ flight: Flight) -> Flight? {
        if let other = self.flights[flight.key] { return other }
        self.flights[flight.key] = flight
        return nil
    }

    /// Takes `flight` out, if it is still the one for its key.
    mutating func remove(_ flight: Flight) {
        if self.flights[flight.key] === flight { self.flights[flight.key] = nil }
    }

    /// Every flight that callers can join.
    var joinable: [Flight] { Array(self.flights.values) }

    // MARK: Tasks

    /// Counts `flight` among those whose tasks have not ended. False where no flight may begin any more.
    mutating func begin(_ flight: Flight) -> Bool {
        guard !self.isClosed else { return false }
        self.flying[ObjectIdentifier(flight)] = flight
        return true
    }

    /// The task of `flight` is at its end.
    mutating func end(_ flight: Flight) {
        self.remove(flight)
        self.flying[ObjectIdentifier(flight)] = nil
    }

    /// Takes no new flight from now on, and returns those whose tasks have not ended.
    mutating func close() -> [Flight] {
        self.isClosed = true
        return Array(self.flying.values)
    }

    // MARK: Observed calls

    /// An observed call begins: whether another, or a flight, is under way for its key.
    mutating func observe(_ key: RequestKey) -> Bool {
        let count = self.observed[key, default: 0]
        self.observed[key] = count + 1
        return count > 0 || self.flights[key] != nil
    }

    mutating func endObserving(_ key: RequestKey) {
        guard let count = self.observed[key] else { return }
        self.observed[key] = count > 1 ? count - 1 : nil
    }
}
