package import RefrainCore
package import RefrainKeys

/// What one shard of the memory store does: the store's own policy, on keys instead of entries.
///
/// The store itself charges entries their overhead and its own tables, and so holds a little less. A key's size and cost
/// are those of the request that puts it in.
package struct StorePolicy: EvictionPolicy, ~Copyable {
    private let capacity: Int
    private let hashes: [UInt64]
    private var evictor: Evictor
    private let nodes: KeyNodes
    private var isThere: [Bool]
    private var size = 0

    /// Creates an empty cache.
    ///
    /// - Parameters:
    ///   - eviction: The store's policy.
    ///   - capacity: The most that entries may take, in the trace's unit of size.
    ///   - keyCount: The number of keys in the trace.
    package init(_ eviction: MemoryStore.Eviction, capacity: Int, keyCount: Int) {
        self.capacity = capacity
        self.hashes = (0..<keyCount).map { Self.key($0).mixedWord }
        // The simulation pays no bytes for what the policy keeps.
        self.evictor = Evictor(eviction, bytes: .max)
        self.nodes = KeyNodes(count: keyCount)
        self.isThere = [Bool](repeating: false, count: keyCount)
    }

    /// The request key that stands for the key numbered `number`.
    package static func key(_ number: Int) -> RequestKey {
        var random = TrafficRandomness(seed: UInt64(bitPattern: Int64(number)))
        let words = (random.next(), random.next(), random.next(), random.next())
        guard let key = withUnsafeBytes(of: words, { RequestKey(bytes: $0) }) else {
            preconditionFailure("four words are the bytes of a key")
        }
        return key
    }

    package mutating func access(_ request: EvictionTrace.Request) -> Bool {
        let key = Int(request.key)
        let index = UInt32(request.key)
        if self.isThere[key] {
            if self.evictor.use(index, hash: self.hashes[key], in: self.nodes) {
                self.evictor.sample(index, hash: self.hashes[key], cost: request.cost, in: self.nodes)
            }
            return true
        }
        guard Int(request.size) <= self.capacity else { return false }
        while self.size + Int(request.size) > self.capacity {
            guard let (victim, wasOnTrial) = self.evictor.victim(in: self.nodes) else { return false }
            if wasOnTrial { self.evictor.remember(self.hashes[Int(victim)]) }
            self.size -= Int(self.nodes.sizes[Int(victim)])
            self.isThere[Int(victim)] = false
            self.evictor.remove(victim, in: self.nodes)
        }
        self.nodes.sizes[key] = request.size
        self.nodes.node(index).pointee = self.evictor.node(bytes: Int(request.size), cost: request.cost)
        self.evictor.add(index, hash: self.hashes[key], cost: request.cost, isKnown: false, in: self.nodes)
        self.isThere[key] = true
        self.size += Int(request.size)
        return false
    }
}

/// A node for each key of a trace.
private struct KeyNodes: EvictionNodes, ~Copyable {
    private let nodes: UnsafeMutablePointer<EvictionNode>
    let sizes: UnsafeMutablePointer<Int32>

    init(count: Int) {
        self.nodes = .allocate(capacity: count)
        self.nodes.initialize(repeating: EvictionNode(), count: count)
        self.sizes = .allocate(capacity: count)
        self.sizes.initialize(repeating: 0, count: count)
    }

    deinit {
        self.nodes.deallocate()
        self.sizes.deallocate()
    }

    func node(_ index: UInt32) -> UnsafeMutablePointer<EvictionNode> { self.nodes + Int(index) }
}
