/// A sequence of requests to a cache, whose keys are numbered from 0 in the order in which they first occur.
package struct EvictionTrace: Sendable {
    /// One request.
    package struct Request: Hashable, Sendable {
        /// The number of its key.
        package var key: Int32
        /// What an entry for it takes of the capacity: bytes, or 1 where entries are counted.
        package var size: Int32
        /// What a miss costs: US dollars, or 1 where misses are counted.
        package var cost: Double

        /// Creates a request.
        package init(key: Int32, size: Int32 = 1, cost: Double = 1) {
            self.key = key
            self.size = size
            self.cost = cost
        }
    }

    /// The name under which it is reported.
    package let name: String
    /// What kind of traffic it records; nil where it is keys alone, or part of a comparison of policies.
    package var kind: TrafficKind?
    /// What a reader of the figures must know; empty where there is nothing.
    package var note = ""
    /// The requests, in order.
    package let requests: [Request]
    /// The number of different keys: each is less.
    package let keyCount: Int
    /// The sum of the sizes that the keys have at their first request.
    package let uniqueSize: Int

    /// Creates a trace of `requests`, whose keys are numbered from 0 in the order in which they first occur.
    package init(name: String, requests: [Request]) {
        var keyCount = 0
        var uniqueSize = 0
        for request in requests where request.key == keyCount {
            keyCount += 1
            uniqueSize += Int(request.size)
        }
        self.name = name
        self.requests = requests
        self.keyCount = keyCount
        self.uniqueSize = uniqueSize
    }

    /// Creates a trace of requests of size and cost 1, from keys of any kind.
    package init<Key: Hashable>(name: String, keys: some Sequence<Key>) {
        var numbers: [Key: Int32] = [:]
        var requests: [Request] = []
        for key in keys {
            let next = Int32(numbers.count)
            let number = numbers[key] ?? next
            if number == next { numbers[key] = next }
            requests.append(Request(key: number))
        }
        self.init(name: name, requests: requests)
    }

    /// A part of ``uniqueSize``, rounded down, and at least 1.
    package func capacity(share: Double) -> Int {
        max(1, Int(Double(self.uniqueSize) * share))
    }
}
