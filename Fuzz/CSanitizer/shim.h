#include <stddef.h>

// Of the sanitizers' runtime (sanitizer/allocator_interface.h).
int __sanitizer_install_malloc_and_free_hooks(
    void (*allocated)(const volatile void *, size_t), void (*freed)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *memory);
