/// Programs in Python that make and list files which are awkward for a reader of btrfs.
enum AwkwardTree {
    /// Fills the directory that is its argument.
    static let filling = #"""
        import os, random, subprocess, sys
        os.chdir(os.fsencode(sys.argv[1]))
        random.seed(2026)

        def make(name, content=b'', mode=0o644):
            with open(name, 'wb') as file:
                file.write(content)
            os.chmod(name, mode)

        def run(*command):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        words = [b'%x ' % random.getrandbits(random.choice([4, 8, 16, 60])) for _ in range(300)]
        def text(count):
            return b''.join(random.choice(words) for _ in range(count // 3 + 1))[:count]

        make(b'empty')
        for count in (1, 100, 2000, 2048, 3000, 4095, 4096, 4097, 70000, 131072, 131073, 400000):
            make(b'text-%d' % count, text(count))
            make(b'noise-%d' % count, random.randbytes(count), 0o755)
        make(b'runs', b'a' * 300000 + bytes(5000) + b'bcd' * 60000)
        with open(b'holes', 'wb') as file:
            for index in range(0, 60, 2):
                file.seek(index * 8192)
                file.write(text(3000 + index * 20))
            file.truncate(70 * 8192 + 17)
        with open(b'hole-first', 'wb') as file:
            file.seek(1_500_000)
            file.write(b'end')
        with open(b'reserved', 'wb') as file:
            file.write(text(10000))
            os.posix_fallocate(file.fileno(), 0, 300000)
            os.pwrite(file.fileno(), text(9000), 100000)
        with open(b'overwritten', 'wb') as file:
            file.write(text(300000))
        run('sync', '-f', '.')
        with open(b'overwritten', 'r+b') as file:
            for place in (5, 50000, 130000, 299000):
                file.seek(place)
                file.write(b'NEW' * 300)
        run('cp', '--reflink=always', 'text-400000', 'reflink')
        with open(b'reflink', 'r+b') as file:
            file.seek(200000)
            file.write(b'changed')
        make(b'n' * 255, b'long name')
        make(b'latin1-\xe9\xff', b'not UTF-8')
        os.makedirs(b'etc/deep/er')
        make(b'etc/fstab', b'UUID=x / btrfs subvol=@ 0 0\n')
        os.makedirs(b'many')
        for index in range(300):
            make(b'many/a-file-with-a-long-name-%05d' % index, b'%d' % index if index % 50 == 0 else b'')
        os.link(b'text-100', b'hard-link')
        os.symlink(b'etc/fstab', b'link')
        os.symlink(b'x' * 1500, b'long-link')
        os.mkfifo(b'fifo')
        os.mknod(b'null', 0o666 | 0o020000, os.makedev(1, 3))
        os.chown(b'text-2000', 1000, 70000)
        os.chmod(b'noise-100', 0o6755)
        os.setxattr(b'etc/fstab', b'security.selinux', b'system_u:object_r:etc_t:s0\0')
        os.setxattr(b'etc', b'user.on-a-directory', b'')
        os.setxattr(b'etc', b'user.latin1-\xe9\xff', b'not UTF-8')
        for index in range(20):
            os.setxattr(b'empty', b'user.number-%d' % index, b'v' * index * 9)
        run('btrfs', 'subvolume', 'create', 'etc/deep/sub')
        make(b'etc/deep/sub/in-sub', text(20000))
        run('btrfs', 'subvolume', 'create', '@')
        make(b'@/in-root', b'root')
        run('btrfs', 'subvolume', 'snapshot', 'etc/deep/sub', '@/snapshot')
        make(b'@/snapshot/only-here', b'!')
        run('btrfs', 'subvolume', 'create', '@/nested')
        run('btrfs', 'subvolume', 'snapshot', '-r', '@', 'snapshot-of-@')
        run('btrfs', 'subvolume', 'create', 'deleted')
        run('btrfs', 'subvolume', 'delete', '-c', 'deleted')
        for directory, _, files in os.walk(b'.'):
            for name in files:
                if b'snapshot-of' not in directory:
                    os.utime(os.path.join(directory, name), (1_600_000_000, 1_600_000_001), follow_symlinks=False)
        os.utime(b'empty', (0, -1_000_000))
        """#
}
