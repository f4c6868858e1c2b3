import CLinux
import DiskImage
import Glibc
import SystemPackage

extension OutputFile {
    /// Throws unless there is nothing at `path`, or a regular file that may be replaced.
    static func requireReplaceable(_ path: String, replaces: Bool) throws(ImageError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard unsafe stat(path, &status) == 0 else {
            throw ImageError(
                .outputExists, "the output is a link that leads nowhere", advice: "remove it or choose another name",
                path: path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ImageError(
                .outputExists, "the output exists and is no regular file",
                advice: "-n with -O raw writes into a device", path: path)
        }
        guard replaces else {
            throw ImageError(.outputExists, "the output exists", advice: "remove it or pass --force", path: path)
        }
        // Who has it open would go on with a file without a name. What can't be read can't be looked at, either.
        guard let descriptor = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec) else {
            return
        }
        defer {
            FileLock.release(descriptor)
            try? descriptor.close()
        }
        try FileLock.lockForWriting(descriptor, path: path)
    }

    /// Creates the temporary file. One that a killed conversion left is deleted; one that a conversion is writing is
    /// locked, and that is an error.
    static func create(_ path: String, like existing: String?) throws(ImageError) -> FileDescriptor {
        // Each turn someone else has created or deleted the file between two of our steps.
        for _ in 0..<16 {
            if let descriptor = try openTemporary(path, options: [.create, .exclusiveCreate], unless: .fileExists) {
                var status = stat()
                if let existing, unsafe stat(existing, &status) == 0 {
                    _ = fchmod(descriptor.rawValue, status.st_mode & 0o7777)
                }
                return descriptor
            }
            if let stale = try openTemporary(path, options: [], unless: .noSuchFileOrDirectory) {
                unsafe _ = unlink(path)
                try? stale.close()
            }
        }
        throw ImageError(
            .outputInUse, "another process creates and deletes the temporary file", advice: "choose another name",
            path: path)
    }

    /// Opens and locks the temporary file.
    /// - Returns: nil if opening ends with `expected`, or if the file has lost its name before it was locked.
    private static func openTemporary(
        _ path: String, options: FileDescriptor.OpenOptions, unless expected: Errno
    ) throws(ImageError) -> FileDescriptor? {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), .readWrite, options: options.union([.closeOnExec, .noFollow]),
                permissions: options.contains(.create) ? FilePermissions(rawValue: 0o666) : nil)
        } catch {
            let errno = error as? Errno
            if errno == expected { return nil }
            throw ImageError(.outputFailed, "can't create the output", path: path, errno: errno)
        }
        do throws(ImageError) {
            try FileLock.lockForWriting(descriptor, path: path)
        } catch {
            try? descriptor.close()
            throw error
        }
        var opened = stat()
        var named = stat()
        guard unsafe fstat(descriptor.rawValue, &opened) == 0, unsafe lstat(path, &named) == 0,
            FileIdentity(opened) == FileIdentity(named)
        else {
            try? descriptor.close()
            return nil
        }
        return descriptor
    }

    static func openExisting(_ path: String, size: UInt64) throws(ImageError) -> FileDescriptor {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(FilePath(path), .readWrite, options: .closeOnExec)
        } catch {
            throw ImageError(
                .outputFailed, "can't open the output", advice: "-n writes into a file or device that exists",
                path: path, errno: error as? Errno)
        }
        do throws(ImageError) {
            try FileLock.lockForWriting(descriptor, path: path)
            let available = try ImageFile(path: path, lock: false).size
            guard available >= size else {
                throw ImageError(
                    .outputFailed, "the output has \(available) bytes, the disk \(size)",
                    advice: "make the output larger", path: path)
            }
        } catch {
            try? descriptor.close()
            throw error
        }
        return descriptor
    }

    /// A descriptor of our own for what `descriptor` leads to.
    static func openStream(
        _ descriptor: Int32, path: String, sources: [FileIdentity]
    ) throws(ImageError) -> FileDescriptor {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw ImageError(.outputFailed, "can't write to the output", path: path, errno: .current)
        }
        guard !sources.contains(FileIdentity(status)) else {
            throw ImageError(.outputExists, "the output is the input", advice: "choose another", path: path)
        }
        guard isatty(descriptor) == 0 else {
            throw ImageError(
                .invalidOption, "a disk can't be written to a terminal", advice: "redirect it", path: path)
        }
        if status.st_mode & S_IFMT == S_IFIFO {
            _ = linux_widen_pipe(descriptor)
            // Opened anew it can be non-blocking without being so for others that have it.
            let name = FilePath("/proc/self/fd/\(descriptor)")
            if let own = try? FileDescriptor.open(name, .writeOnly, options: [.closeOnExec, .nonBlocking]) {
                return own
            }
        }
        do {
            return try FileDescriptor(rawValue: descriptor).duplicate()
        } catch {
            throw ImageError(.outputFailed, "can't write to the output", path: path, errno: error as? Errno)
        }
    }

    static func resolve(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
