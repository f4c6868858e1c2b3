package import DiskImage

extension OVAReader: StreamReader {
    package static func openStream(
        _ bytes: BufferedStream, opener: ImageOpener
    ) throws(ImageError) -> any DiskStream {
        var archive = TarReader(bytes)
        guard let first = try archive.nextFile(), first.name.isOVFName else {
            throw ImageError(
                .inputUnsupported, "only an archive that begins with an OVF can be read front to back",
                advice: "save it to a file and convert that", path: bytes.path)
        }
        guard first.size <= OVFEnvelope.maximumLength else {
            throw bytes.damaged("an OVF of \(first.size) bytes is impossibly large")
        }
        let path = bytes.path + "/" + first.name
        let content = try PartStream(bytes, length: first.size, path: path).take(Int(first.size))
        let description = try ImageFile(bytes: content, path: path)
        var inner = opener
        inner.findMember = { _ in nil }
        let appliance = Appliance(
            file: description, format: .ova, disks: try OVFEnvelope(file: description).applianceDisks(of: description),
            opener: inner)
        let disk = try appliance.chosen()
        if let obstacle = disk.obstacle { throw description.unsupported("disk \"\(disk.name)\": \(obstacle)") }
        guard let name = disk.fileName else {
            throw description.unsupported("disk \"\(disk.name)\" is blank: there is nothing to read")
        }
        let file = ArchivedDisk.DiskFile(
            names: [name.resolvingEscapes("%"), name], chunkSize: disk.chunkSize, size: disk.fileSize,
            directory: first.name.split(separator: "/").dropLast().map { $0 + "/" }.joined())
        let source = try ArchivedDisk(file, in: archive, bytes, description: description, name: first.name)
        let stream = try appliance.open(source, of: disk)
        return OVAStream(stream, from: source, ignoresManifest: opener.ignoresManifest) { size throws(ImageError) in
            try appliance.requireCapacity(size, of: disk, path: source.path)
        }
    }
}
