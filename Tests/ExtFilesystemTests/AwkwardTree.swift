import Foundation
import TestSupport

/// A directory with all that is awkward in a filesystem, made once, that mke2fs copies into images.
final class AwkwardTree: Sendable {
    /// A tree for images of 24 MiB. Its owners, attributes and devices need root.
    static let shared = Result { try AwkwardTree() }

    let directory: TemporaryDirectory
    var path: String { directory.path }

    private init() throws {
        directory = try TemporaryDirectory()
        try Tool.check("python3", ["-c", Self.script, directory.path])
    }

    private static let script = #"""
        import os, sys, socket
        top = os.fsencode(sys.argv[1])
        os.chdir(top)

        def make(name, content=b'', mode=0o644):
            with open(name, 'wb') as file:
                file.write(content)
            os.chmod(name, mode)

        os.makedirs(b'etc')
        make(b'etc/fstab', b'/dev/sda1 / ext4 defaults 0 1\n')
        make(b'empty')
        make(b'tiny', b'x' * 50)
        make(b'small', b's' * 150)
        make(b'block', bytes(range(256)) * 16)
        make(b'block+1', bytes(range(256)) * 16 + b'!')
        make(b'large', b''.join(b'%08d' % i for i in range(120_000)))
        make(b'setuid', b'#!/bin/sh\n', 0o6755)
        make(b'n' * 255, b'long name')
        make(b'latin1-\xe9\xff', b'not UTF-8')
        make('utf8-ä-日本'.encode(), b'UTF-8')
        make(b'line\nbreak \\ "quote"', b'odd')
        with open(b'holes', 'wb') as file:
            for i in range(0, 1200, 2):
                file.seek(i * 4096)
                file.write(b'%06d' % i * 600)
            file.truncate(1300 * 4096 + 17)
        with open(b'hole-first', 'wb') as file:
            file.seek(3_000_000)
            file.write(b'end')
        os.makedirs(b'many')
        for i in range(400):
            make(b'many/a-file-with-quite-a-long-name-%05d' % i, b'%d' % i if i % 50 == 0 else b'')
        os.makedirs(b'd/e/e/p/' + b'p' * 200)
        make(b'd/e/e/p/' + b'p' * 200 + b'/file', b'deep')
        os.link(b'tiny', b'tiny-link')
        os.symlink(b'etc/fstab', b'fast-link')
        os.symlink(b'x' * 59, b'link-59')
        os.symlink(b'x' * 60, b'link-60')
        os.symlink(b'y' * 900, b'slow-link')
        os.symlink(b'\xff\xfe', b'link-\xe9')
        if os.geteuid() == 0:
            os.chown(b'small', 1000, 70000)
            os.mknod(b'null', 0o666 | 0o020000, os.makedev(1, 3))
            os.mknod(b'disk', 0o660 | 0o060000, os.makedev(259, 300))
            os.setxattr(b'etc/fstab', b'security.selinux', b'system_u:object_r:etc_t:s0\0')
            os.setxattr(b'large', b'trusted.overlay', b'\0\1\2' * 30)
        os.mkfifo(b'fifo')
        os.setxattr(b'tiny', b'user.comment', b'v' * 20)
        os.setxattr(b'etc', b'user.on-a-directory', b'')
        os.setxattr(b'etc', b'user.latin1-\xe9\xff', b'not UTF-8')
        os.setxattr(b'block', b'user.larger', b'w' * 500)
        os.setxattr(b'block', b'system.posix_acl_access', bytes.fromhex(
            '02000000010006 00ffffffff02000400e80300000400040 0ffffffff10000600ffffffff20000400ffffffff'.replace(' ', '')))
        for directory, _, files in os.walk(b'.'):
            for name in files:
                os.utime(os.path.join(directory, name), (1_600_000_000, 1_600_000_001), follow_symlinks=False)
        os.utime(b'empty', (0, -1_000_000))
        os.utime(b'tiny', (0, 5_000_000_000))
        """#
}
