/* A library for LD_PRELOAD: a device that returns or stores other data than it was given.
 * FLIP_FILE: what the names of the files concerned end with. FLIP_OFFSET: the byte of which a bit is flipped.
 * FLIP_CALL: "read", on the way from the file, or "write", on the way to it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the byte is in a transfer, or -1. */
static ssize_t position(const char *call, int fd, size_t length, off_t offset) {
    const char *wanted = getenv("FLIP_CALL"), *file = getenv("FLIP_FILE"), *place = getenv("FLIP_OFFSET");
    if (!wanted || !file || !place || strcmp(wanted, call) != 0)
        return -1;
    off_t byte = atoll(place);
    if (byte < offset || byte >= offset + (off_t)length)
        return -1;
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, name, sizeof name);
    size_t end = strlen(file);
    if (count < (ssize_t)end || memcmp(name + count - end, file, end) != 0)
        return -1;
    return byte - offset;
}

static ssize_t flipped_read(const char *real, int fd, void *buffer, size_t length, off_t offset) {
    ssize_t (*call)(int, void *, size_t, off_t) = dlsym(RTLD_NEXT, real);
    ssize_t count = call(fd, buffer, length, offset);
    ssize_t index = count > 0 ? position("read", fd, (size_t)count, offset) : -1;
    if (index >= 0)
        ((char *)buffer)[index] ^= 0x02;
    return count;
}

static ssize_t flipped_write(const char *real, int fd, const void *buffer, size_t length, off_t offset) {
    ssize_t (*call)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, real);
    ssize_t index = position("write", fd, length, offset);
    if (index < 0)
        return call(fd, buffer, length, offset);
    /* Aligned, as for the original: it may be a direct transfer. */
    char *copy = aligned_alloc(4096, (length + 4095) / 4096 * 4096);
    if (!copy)
        return -1;
    memcpy(copy, buffer, length);
    copy[index] ^= 0x02;
    ssize_t count = call(fd, copy, length, offset);
    free(copy);
    return count;
}

/* With FAIL_WRITE_BACK the device does not take what was in the page cache, which the kernel tells once. */
int sync_file_range(int fd, off_t offset, off_t length, unsigned int flags) {
    int (*call)(int, off_t, off_t, unsigned int) = dlsym(RTLD_NEXT, "sync_file_range");
    if (!getenv("FAIL_WRITE_BACK"))
        return call(fd, offset, length, flags);
    errno = EIO;
    return -1;
}

ssize_t pread(int fd, void *buffer, size_t length, off_t offset) {
    return flipped_read("pread", fd, buffer, length, offset);
}

ssize_t pread64(int fd, void *buffer, size_t length, off_t offset) {
    return flipped_read("pread64", fd, buffer, length, offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t length, off_t offset) {
    return flipped_write("pwrite", fd, buffer, length, offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t length, off_t offset) {
    return flipped_write("pwrite64", fd, buffer, length, offset);
}
