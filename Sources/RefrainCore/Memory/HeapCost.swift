import RefrainKeys

#if canImport(Darwin)
    import Darwin
#endif

/// How many bytes of memory things take on the heap, the allocator's own overhead included.
package enum HeapCost {
    /// What the allocator takes to give out `bytes`.
    ///
    /// glibc: a word of bookkeeping, rounded up to 16 bytes, at least 32; from 128 KiB on a mapping of whole pages (its
    /// threshold can rise later, which makes blocks smaller, never larger). Other allocators of Linux take about as much.
    static func block(_ bytes: Int) -> Int {
        #if canImport(Darwin)
            return malloc_good_size(bytes)
        #else
            guard bytes < 128 << 10 else { return (bytes + 16 + 4_095) & ~4_095 }
            return max(32, (bytes + 8 + 15) & ~15)
        #endif
    }

    /// What an array takes: elements of `stride` bytes, `capacity` of them, behind a header of 32 bytes.
    static func array(capacity: Int, stride: Int) -> Int {
        capacity == 0 ? 0 : self.block(32 + capacity * stride)
    }

    /// What a string takes beside its 16 bytes in place: nothing up to 15 bytes of UTF-8, else a block that holds a
    /// header of 32 bytes and a terminating zero.
    static func string(_ string: String) -> Int {
        let count = string.utf8.count
        return count <= 15 ? 0 : self.block(32 + count + 1)
    }

    /// A body is charged an eighth more than its block: room between blocks that the allocator keeps and cannot use.
    ///
    /// Bodies have all sizes, and those that leave are not beside each other. Where small and large ones take turns, a
    /// store on glibc came to hold a quarter more than its blocks; where sizes stay alike, it is next to nothing.
    private static let fragmentationDivisor = 8

    /// What an envelope takes with all that hangs on it.
    ///
    /// An array or string that several envelopes share is charged to each: which of them will be the last to go is not
    /// known. An array is charged its capacity, so whoever builds an envelope should give it arrays without slack.
    package static func envelope(_ envelope: Envelope) -> Int {
        let details = envelope.details
        var bytes = Self.envelopeInstance
        let body = self.array(capacity: envelope.body.capacity, stride: 1)
        bytes += body + body / Self.fragmentationDivisor
        bytes += self.array(capacity: envelope.labels.capacity, stride: MemoryLayout<Label>.stride)
        for label in envelope.labels { bytes += self.string(label.description) }
        bytes += self.array(capacity: envelope.headers.capacity, stride: MemoryLayout<HTTPHeader>.stride)
        for header in envelope.headers { bytes += self.string(header.name) + self.string(header.value) }
        bytes += self.string(details.requestedModel) + self.string(details.answeringModel)
        bytes += self.array(capacity: details.toolUseIDs.capacity, stride: MemoryLayout<String>.stride)
        for id in details.toolUseIDs { bytes += self.string(id) }
        return bytes
    }

    /// What the object itself takes: a header of 16 bytes and its stored properties, laid out as this tuple is.
    package static let envelopeInstance = Self.block(
        16
            + MemoryLayout<
                (
                    RequestKey, Envelope.Form, Timestamp, Timestamp, Timestamp, GenerationStamp, [Label],
                    Envelope.Details, [HTTPHeader], [UInt8]
                )
            >.size)
}
