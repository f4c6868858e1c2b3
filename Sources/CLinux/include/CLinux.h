#pragma once
/* What Linux offers and Swift's Glibc module does not import: calls and constants behind _GNU_SOURCE or in macros.
 * Every function here is the system call of the same name: it returns -1 and sets errno on failure. */
#include <stdint.h>
#include <sys/types.h>
/* Extended attributes, which tests make and look at. */
#include <sys/xattr.h>

/* O_DIRECT: its value differs between architectures. */
int linux_o_direct(void);

/* lseek(SEEK_DATA) and lseek(SEEK_HOLE). */
off_t linux_seek_data(int fd, off_t offset);
off_t linux_seek_hole(int fd, off_t offset);

/* fallocate(2): mode 0, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE. */
int linux_allocate(int fd, off_t offset, off_t length);
int linux_zero_range(int fd, off_t offset, off_t length);
int linux_punch_hole(int fd, off_t offset, off_t length);

/* FICLONERANGE: makes a range of one file share its blocks with another's. */
int linux_clone_range(int from, off_t offset, off_t length, int to, off_t to_offset);

/* BLKGETSIZE64: the size of a block device in bytes. */
int linux_block_device_size(int fd, uint64_t *size);

/* major(3) and minor(3) of st_rdev: macros. */
unsigned int linux_device_major(dev_t device);
unsigned int linux_device_minor(dev_t device);

/* Open-file-description locks (F_OFD_SETLK, F_OFD_GETLK) on one byte, never waiting.
 * linux_lock_is_held returns 1 if another open file description holds any lock on the byte, 0 if none. */
int linux_lock_shared(int fd, off_t offset);
int linux_lock_is_held(int fd, off_t offset);
/* Gives back all of them. */
int linux_unlock(int fd);

/* memfd_create(2): a descriptor of a file in memory that holds the bytes, or -1. */
int linux_memory_file(const void *bytes, size_t length);

/* A file without a name in $TMPDIR, else /var/tmp: its descriptor, or -1. Not in memory, unless that folder is. */
int linux_temporary_file(void);

/* F_SETPIPE_SZ: a pipe of 1 MiB, what the system allows everyone, instead of 64 KiB. */
int linux_widen_pipe(int fd);

/* eventfd(2), non-blocking, close-on-exec. */
int linux_eventfd(void);

/* sync_file_range(2) on the whole file: waits for what is on its way to the device, then begins with what is dirty. */
int linux_write_back(int fd);
/* The same on a range, waiting for both, then posix_fadvise(2) so that the page cache forgets it. */
int linux_write_out(int fd, off_t offset, off_t length);
/* posix_fadvise(2): the page cache forgets what is clean of the whole file. */
int linux_drop_cache(int fd);

/* renameat2(RENAME_NOREPLACE); on filesystems without it, link(2) and unlink(2), then access(2) and rename(2). */
int linux_rename_noreplace(const char *from, const char *to);
