package import GuestDisk

extension InitramfsImage {
    /// The file with the addition, as long as before, so that nothing but its content changes: the guest's own archive
    /// is compressed harder, and what is left over filled with zeros, which the kernel skips.
    /// - Parameters:
    ///   - known: compressions that the kernel reads.
    ///   - readsMachineCode: whether it reads xz with the filter for x86: `CONFIG_XZ_DEC_X86`.
    /// - Returns: nil if it has no room, however it is compressed.
    package func inPlace(
        _ addition: InitramfsAddition, known: Set<ArchiveCompression>, readsMachineCode: Bool
    ) throws(GuestError) -> [UInt8]? {
        if let problem { throw problem }
        let own = segments.filter { !$0.isOwn }
        if let file = fit(addition, into: own, known: known, recompressed: nil) { return file }
        let index = own.indices.filter { !own[$0].isEarly }.max { own[$0].length < own[$1].length }
        guard let index else { return nil }
        for recipe in Self.recipes(own[index].compression, known, readsMachineCode) {
            let compressed = try compress(own[index], by: recipe)
            guard let compressed else { continue }
            let replacement = Replacement(index: index, bytes: compressed, compression: recipe.compression)
            if let file = fit(addition, into: own, known: known, recompressed: replacement) { return file }
        }
        return nil
    }

    /// A segment in another compression.
    private struct Replacement {
        var index: Int
        var bytes: [UInt8]
        var compression: ArchiveCompression
    }

    /// Puts the file together; nil if it gets too long even with the smaller form of the addition.
    private func fit(
        _ addition: InitramfsAddition, into own: [InitramfsSegment], known: Set<ArchiveCompression>,
        recompressed: Replacement?
    ) -> [UInt8]? {
        for archive in [addition.archive, addition.smallArchive] {
            var assembly = SegmentAssembly(known: known)
            for (index, segment) in own.enumerated() {
                if let recompressed, recompressed.index == index {
                    assembly.add(compressed: recompressed.bytes, by: recompressed.compression)
                } else {
                    assembly.add(segment, of: bytes)
                }
            }
            if let archive { assembly.add(archive: archive) }
            let room = bytes.count - assembly.bytes.count
            if room >= 0 {
                assembly.fill(room)
                return assembly.bytes
            }
        }
        return nil
    }

    /// The segment's archive compressed by `recipe`; nil if it gets no smaller.
    private func compress(_ segment: InitramfsSegment, by recipe: ArchiveRecipe) throws(GuestError) -> [UInt8]? {
        let input = bytes[segment.offset..<segment.end]
        do throws(ArchiveProblem) {
            return try recipe.encode(limit: segment.length) { (sink) throws(ArchiveProblem) in
                if segment.compression == .none { return try sink(input) }
                _ = try segment.compression.decode(input, sink: sink)
            }
        } catch {
            throw GuestError(.damaged, "the archive at byte \(segment.offset) of the initramfs: \(error.message)")
        }
    }

    /// What to try, the fastest first, leaving out what is no better than how the archive is compressed already.
    private static func recipes(
        _ current: ArchiveCompression, _ known: Set<ArchiveCompression>, _ readsMachineCode: Bool
    ) -> [ArchiveRecipe] {
        // Of a dracut archive, 41.5 MB and 15.0 MB by gzip -9, zstd -5 makes 14.1 MB at 65 MB/s, -9 13.2 MB at 26 MB/s.
        // Of one by initramfs-tools, 28.1 MB and 9.2 MB by zstd -9, xz -0 with the filter makes 8.4 MB at 10 MB/s and
        // -1 8.1 MB at 6 MB/s a thread; zstd -17 8.5 MB at about 2 MB/s.
        let quick: [ArchiveRecipe] =
            switch current {
            case .gzip, .bzip2, .lzo: [.zstd(level: 5), .zstd(level: 9)]
            case .none, .lz4: [.zstd(level: 5), .zstd(level: 9), .gzip(level: 9)]
            case .zstd, .xz, .lzma: []
            }
        let presets: [UInt32] = current == .xz || current == .lzma ? [6] : [0, 1, 6]
        let recipes = quick + presets.map { .xz(preset: $0, x86: readsMachineCode) }
        return recipes.filter { known.contains($0.compression) }
    }
}
