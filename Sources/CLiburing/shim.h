#pragma once
/* liburing 2.3 uses mode_t and loff_t before it includes what defines them. */
#include <sys/types.h>

/* liburing brings its own copy of the kernel's <linux/io_uring.h>; swift-system's C module has the original. A program
 * with both modules has two different structures of one name, which Clang refuses. Ours gets another name; nothing but
 * the name of the type changes. */
#define io_uring_sqe liburing_sqe
#include <liburing.h>
