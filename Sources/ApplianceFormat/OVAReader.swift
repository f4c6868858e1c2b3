package import DiskImage

/// A tar archive that holds an OVF and the files it names; the disks are read where they are, in the archive.
package struct OVAReader: ImageReader {
    package static let format = ImageFormat.ova
    package static let describesMachine = true
    private let appliance: Appliance
    package let hardware: MachineHardware
    private let companions: [(key: String, value: InfoValue)]

    /// Real archives have a dozen members; the disks may be cut into chunks of 2 GiB.
    private static let maximumMembers = 4096

    package static func recognises(_ probe: ProbeData) -> Bool {
        TarHeader.isRecognisable(probe.prefix)
    }

    package init(file: ImageFile, opener: ImageOpener) throws(ImageError) {
        let members = try Self.members(of: file)
        let descriptions = members.keys.filter(\.isOVFName).sorted()
        guard let name = descriptions.first else {
            throw ImageError(
                .inputFormat, "this is a tar archive, but no OVA: it holds no OVF", advice: "unpack it",
                path: file.path)
        }
        guard descriptions.count == 1, let description = members[name] else {
            throw file.damaged("the archive holds several OVFs: \(descriptions.joined(separator: ", "))")
        }
        var opener = opener
        opener.findMember = { MemberNames.find($0, among: members, of: name) }
        let stem = String(name.dropLast(".ovf".count))
        let digests = members[stem + ".mf"].map { manifest in
            ApplianceDigests(manifest: manifest, description: description) {
                MemberNames.find($0, among: members, of: name)?.identity
            }
        }
        let envelope = try OVFEnvelope(file: description)
        hardware = envelope.hardware
        appliance = Appliance(
            file: file, format: .ova, disks: try envelope.applianceDisks(of: description), opener: opener,
            digests: digests)
        companions = [("manifest", stem + ".mf"), ("certificate", stem + ".cert")].filter { members[$0.1] != nil }
            .map { ($0, .string($1)) }
    }

    private static func members(of file: ImageFile) throws(ImageError) -> [String: ImageFile] {
        guard file.size >= UInt64(TarHeader.length) else {
            throw file.damaged("the archive is cut short", at: file.size, advice: "copy it again")
        }
        var reader = TarReader(FileStream(file))
        var members: [String: ImageFile] = [:]
        while let member = try reader.nextFile() {
            guard member.size <= file.size - member.offset else {
                throw file.damaged(
                    "the archive is cut short: \"\(member.name)\" needs \(member.size) bytes, "
                        + "\(file.size - member.offset) are there", at: member.offset, advice: "copy it again")
            }
            let range = member.offset..<member.offset + member.size
            let part = ImageFile(part: range, of: file, name: member.name)
            guard members.updateValue(part, forKey: member.name) == nil else {
                throw file.damaged("the archive holds two files called \"\(member.name)\"", at: member.offset)
            }
            guard members.count <= maximumMembers else {
                throw file.damaged("the archive has more than \(maximumMembers) members", at: member.offset)
            }
        }
        return members
    }

    package var info: ImageInfo { appliance.info(details: companions) }

    package func makeMap() throws(ImageError) -> sending any DiskMap { try appliance.makeMap() }

    package func makeStream() throws(ImageError) -> (any DiskStream)? { try appliance.makeStream() }

    package func makeMap(of snapshot: SnapshotSelector) throws(ImageError) -> sending any DiskMap {
        try appliance.makeMap(of: snapshot)
    }
}
