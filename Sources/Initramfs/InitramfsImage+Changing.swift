package import GuestDisk

extension InitramfsImage {
    /// What this initramfs lacks of what is requested. A segment of ours that it has from before doesn't count: it is
    /// replaced.
    /// - Throws: ``problem``; `notFound` if a module is not where the index says; what the tree throws.
    package func addition(for request: SegmentRequest) throws(GuestError) -> InitramfsAddition {
        if let problem { throw problem }
        return try SegmentBuilder(request, layout).build()
    }

    /// Whether the file already is what adding would make of it: then nothing needs to be written.
    package func has(_ addition: InitramfsAddition) -> Bool {
        segments.filter(\.isOwn).map(\.marker) == (addition.marker.map { [$0] } ?? [])
    }

    /// The file with the addition, longer than before.
    /// - Parameter known: compressions that the kernel reads.
    package func appended(
        _ addition: InitramfsAddition, known: Set<ArchiveCompression>
    ) throws(GuestError) -> [UInt8] {
        if let problem { throw problem }
        var assembly = SegmentAssembly(known: known)
        for segment in segments where !segment.isOwn { assembly.add(segment, of: bytes) }
        if let archive = addition.archive { assembly.add(archive: archive) }
        return assembly.bytes
    }
}
