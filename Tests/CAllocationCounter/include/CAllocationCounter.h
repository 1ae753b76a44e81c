#ifndef REFRAIN_ALLOCATION_COUNTER_H
#define REFRAIN_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether allocations can be counted here: with glibc, and without a sanitizer, which has an allocator of its own.
bool refrain_allocations_are_counted(void);

/// The allocations that the calling thread has made since it began, by malloc, calloc, realloc and the aligned kinds.
/// Other threads do not disturb it. 0 where they cannot be counted.
uint64_t refrain_allocations_of_this_thread(void);

/// The bytes that the allocator can give out at `pointer`, which it gave out itself; 0 where that cannot be told.
size_t refrain_usable_bytes(const void *pointer);

#endif
