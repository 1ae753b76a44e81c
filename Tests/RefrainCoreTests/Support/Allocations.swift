import CAllocationCounter

/// Whether ``allocations(in:)`` can count here.
let allocationsAreCounted = refrain_allocations_are_counted()

/// The heap allocations that `body` makes on this thread.
///
/// One call comes first that is not counted: it pays for what happens once in a process, such as the look-up of type
/// metadata and lazy globals.
func allocations(in body: () -> Void) -> UInt64 {
    body()
    let before = refrain_allocations_of_this_thread()
    body()
    return refrain_allocations_of_this_thread() - before
}
