import TestSupport

extension DamagedImage {
    /// An OVA of one raw disk; `description` is the text of its OVF.
    static func ova(
        _ description: String = OVF.text([.init("disk.raw", capacity: 9)]), style: TarBuilder.Style = .ustar,
        more: (inout TarBuilder) -> Void = { _ in }
    ) -> DamagedImage {
        var builder = TarBuilder(style: style)
        builder.add("vm.ovf", Array(description.utf8))
        builder.add("disk.raw", content.bytes())
        more(&builder)
        return DamagedImage(bytes: builder.archive, format: "ova")
    }

    static func ovf(_ text: String) -> DamagedImage { DamagedImage(bytes: Array(text.utf8), format: "ovf") }

    /// Where the header of the disk is, in an archive in ustar style.
    var diskHeader: Int { bytes.firstRange(of: Array("disk.raw\0".utf8))?.lowerBound ?? 0 }
}

extension Damage {
    static let ova: [Damage] = {
        let plain: @Sendable () throws -> DamagedImage = { .ova() }
        func archive(_ name: String, _ status: Int32 = 12, _ image: @escaping @Sendable () -> DamagedImage) -> Damage {
            Damage(name, status, image) { _ in }
        }
        func member(_ name: String, _ type: Character, _ content: [UInt8]) -> Damage {
            archive(name) { .ova { $0.add("x", content, type: type) } }
        }
        let text = OVF.text([.init("disk.raw", capacity: 9)])
        let damages: [Damage] = [
            Damage("OVA: a header's checksum", plain) { $0.bytes[$0.diskHeader + 30] ^= 1 },
            Damage("OVA: a later header's magic", plain) { $0.bytes[$0.diskHeader + 257] = 0 },
            Damage("OVA: cut inside the disk", plain) { $0.cut(to: $0.bytes.count - 100_000) },
            Damage("OVA: cut inside the OVF", plain) { $0.cut(to: 700) },
            Damage("OVA: cut inside a header", plain) { $0.cut(to: $0.diskHeader + 100) },
            Damage("OVA: cut inside the first header", plain) { $0.cut(to: 300) },
            Damage("OVA: a block of zeros in the middle", plain) {
                $0.bytes.insert(contentsOf: [UInt8](repeating: 0, count: 512), at: $0.diskHeader)
            },
            archive("OVA: no OVF", 11) {
                var builder = TarBuilder()
                builder.add("disk.raw", DamagedImage.content.bytes())
                return DamagedImage(bytes: builder.archive, format: "ova")
            },
            archive("OVA: two OVFs") { .ova { $0.add("b.ovf", Array(text.utf8)) } },
            archive("OVA: two files of one name") { .ova { $0.add("./disk.raw", [1, 2, 3]) } },
            archive("OVA: no such member", 10) { .ova(OVF.text([.init("gone.raw", capacity: 9)])) },
            archive("OVA: a member past the end") { .ova { $0.add("big", nil, size: 1 << 33) } },
            archive("OVA: a member of 2^63 bytes") { .ova(style: .gnu) { $0.add("big", nil, size: 1 << 63) } },
            archive("OVA: a member of nearly 2^63 bytes") {
                .ova(style: .gnu) { $0.add("big", nil, size: (1 << 63) - 1) }
            },
            archive("OVA: a pax size of 2^63 bytes") { .ova(style: .pax) { $0.add("big", nil, size: 1 << 63) } },
            archive("OVA: an empty disk") { .ova(OVF.text([.init("empty", capacity: 9)])) { $0.add("empty", []) } },
            archive("OVA: a sparse member", 13) { .ova { $0.add("sparse", [1], type: "S") } },
            member("OVA: a name record without end", "L", [UInt8](repeating: 65, count: 2 << 20)),
            member("OVA: pax attributes without length", "x", Array("path=a\n".utf8)),
            member("OVA: pax attributes too long", "x", Array("99 path=a\n".utf8)),
            member("OVA: pax attributes of no length", "x", Array("0 path=a\n".utf8)),
            member("OVA: pax size that is no number", "x", Array("12 size=9x9\n".utf8)),
            archive("OVA: too many members") { .ova { for number in 0...4096 { $0.add("\(number)", []) } } },
            archive("OVA: an OVA as its disk", 13) {
                .ova(OVF.text([.init("inner.ova", capacity: 9)])) { $0.add("inner.ova", DamagedImage.ova().bytes) }
            },
            archive("OVA: a disk of another disk's changes", 13) {
                .ova(OVF.text([.init("disk.raw", capacity: 9, diskAttributes: "ovf:parentRef=\"base\"")]))
            },
            archive("OVA: the OVF is its own disk", 13) { .ova(OVF.text([.init("vm.ovf", capacity: 9)])) },
            archive("OVA: a VMDK that is none") {
                .ova(OVF.text([.init("a.vmdk", capacity: 1)])) {
                    $0.add("a.vmdk", [UInt8](repeating: 9, count: 1 << 20))
                }
            },
        ]
        return damages
    }()

    static let ovf: [Damage] = {
        func text(_ name: String, _ status: Int32 = 12, _ text: @escaping @Sendable () -> String) -> Damage {
            Damage(name, status, { .ovf(text()) }) { _ in }
        }
        let disk = "<DiskSection><Disk ovf:diskId=\"d\" ovf:fileRef=\"f\" ovf:capacity=\"1\"/></DiskSection>"
        let damages: [Damage] = [
            text("OVF: entities that multiply") {
                let entities = (1...9).map {
                    "<!ENTITY e\($0) \"" + String(repeating: "&e\($0 - 1);", count: 10) + "\">"
                }
                return "<!DOCTYPE Envelope [<!ENTITY e0 \"e\">\(entities.joined())]><Envelope>&e9;</Envelope>"
            },
            text("OVF: an entity that is a file") {
                "<!DOCTYPE Envelope [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Envelope>&e;</Envelope>"
            },
            text("OVF: cut short") { String(OVF.text([.init("disk.raw", capacity: 9)]).dropLast(20)) },
            text("OVF: too long") { "<Envelope>" + String(repeating: " ", count: 5 << 20) + "</Envelope>" },
            text("OVF: nested too deeply") { "<Envelope>" + String(repeating: "<a>", count: 100_000) },
            text("OVF: too many files") {
                "<Envelope><References>" + (0...10_000).map { "<File id=\"\($0)\" href=\"a\"/>" }.joined()
                    + "</References></Envelope>"
            },
            text("OVF: too many disks") {
                "<Envelope><DiskSection>" + String(repeating: "<Disk diskId=\"a\"/>", count: 1025)
                    + "</DiskSection></Envelope>"
            },
            text("OVF: no disk", 13) { OVF.text([]) },
            text("OVF: a disk in a file that is not listed") { "<Envelope>\(disk)</Envelope>" },
            text("OVF: a blank disk without size") {
                "<Envelope><DiskSection><Disk diskId=\"d\"/></DiskSection></Envelope>"
            },
            text("OVF: a blank disk of 2^63 bytes", 13) {
                "<Envelope><DiskSection><Disk diskId=\"d\" capacity=\"9223372036854775808\"/></DiskSection></Envelope>"
            },
            text("OVF: a missing file", 10) { OVF.text([.init("gone.vmdk", capacity: 9)]) },
            text("OVF: its own disk", 13) { OVF.text([.init("image.ovf", capacity: 9)]) },
            Damage("OVF: in UTF-16", 13, { .ovf("") }) { $0.bytes = [0xFF, 0xFE, 0x3C, 0x00] },
            text("OVF: a disk elsewhere", 13) { OVF.text([.init("http://example.com/disk.vmdk", capacity: 9)]) },
        ]
        return damages
    }()
}
