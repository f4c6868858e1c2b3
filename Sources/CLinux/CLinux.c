#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int linux_o_direct(void) { return O_DIRECT; }

off_t linux_seek_data(int fd, off_t offset) { return lseek(fd, offset, SEEK_DATA); }

off_t linux_seek_hole(int fd, off_t offset) { return lseek(fd, offset, SEEK_HOLE); }

int linux_allocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length); }

int linux_zero_range(int fd, off_t offset, off_t length) {
    return fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_punch_hole(int fd, off_t offset, off_t length) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_clone_range(int from, off_t offset, off_t length, int to, off_t to_offset) {
    struct file_clone_range range = {
        .src_fd = from, .src_offset = offset, .src_length = length, .dest_offset = to_offset};
    return ioctl(to, FICLONERANGE, &range);
}

int linux_block_device_size(int fd, uint64_t *size) { return ioctl(fd, BLKGETSIZE64, size); }

unsigned int linux_device_major(dev_t device) { return major(device); }

unsigned int linux_device_minor(dev_t device) { return minor(device); }

static struct flock byte_lock(short type, off_t offset) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = offset, .l_len = 1};
    return lock;
}

int linux_lock_shared(int fd, off_t offset) {
    struct flock lock = byte_lock(F_RDLCK, offset);
    return fcntl(fd, F_OFD_SETLK, &lock);
}

int linux_lock_is_held(int fd, off_t offset) {
    struct flock lock = byte_lock(F_WRLCK, offset);
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0)
        return -1;
    return lock.l_type != F_UNLCK;
}

int linux_widen_pipe(int fd) { return fcntl(fd, F_SETPIPE_SZ, 1 << 20); }

int linux_unlock(int fd) {
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &lock);
}

int linux_memory_file(const void *bytes, size_t length) {
    int fd = memfd_create("v2v-convert", MFD_CLOEXEC);
    if (fd < 0)
        return -1;
    for (size_t done = 0; done < length;) {
        ssize_t count = write(fd, (const char *)bytes + done, length - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        done += (size_t)count;
    }
    return fd;
}

int linux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int linux_write_back(int fd) {
    return sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE);
}

int linux_write_out(int fd, off_t offset, off_t length) {
    int flags = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (sync_file_range(fd, offset, length, flags) != 0)
        return -1;
    return posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED) == 0 ? 0 : -1;
}

int linux_drop_cache(int fd) { return posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 ? 0 : -1; }

int linux_rename_noreplace(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(from, to) == 0)
        return unlink(from);
    if (errno == EEXIST)
        return -1;
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

int linux_temporary_file(void) {
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/var/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/v2v-convert.XXXXXX", folder) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}
