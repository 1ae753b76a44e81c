#include "CAllocationCounter.h"

#if defined(__has_feature)
#  if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#    define REFRAIN_SANITIZED 1
#  endif
#endif

// Only after a header of the C library is it known which library it is.
#if defined(__GLIBC__) && !defined(REFRAIN_SANITIZED)

#include <errno.h>
#include <malloc.h>

// What glibc calls itself. Defining the public names here replaces them in the whole process, which the C library
// supports ("Replacing malloc" in its manual), and these names remain its own implementation.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

// Initial-exec: the general model may call malloc on a thread's first access, which would recurse.
static __thread uint64_t allocations __attribute__((tls_model("initial-exec")));

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    allocations++;
    return __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    if (alignment == 0 || alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    allocations++;
    void *block = __libc_memalign(alignment, size);
    if (block == NULL) return ENOMEM;
    *pointer = block;
    return 0;
}

bool refrain_allocations_are_counted(void) { return true; }
uint64_t refrain_allocations_of_this_thread(void) { return allocations; }
size_t refrain_usable_bytes(const void *pointer) { return malloc_usable_size((void *)pointer); }

#else

bool refrain_allocations_are_counted(void) { return false; }
uint64_t refrain_allocations_of_this_thread(void) { return 0; }
size_t refrain_usable_bytes(const void *pointer) { (void)pointer; return 0; }

#endif
