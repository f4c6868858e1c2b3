import ByteLayout
import Foundation
import TestSupport
import Testing
import V2VConvert

/// What qemu-img 7.2 gets wrong about VMDKs without a word. The numbers are those of docs/silent-corruption.md.
@Suite struct SilentCorruptionVMDKTests {
    let directory: TemporaryDirectory
    let content: [UInt8]

    init() throws {
        directory = try TemporaryDirectory()
        content = DiskContent.mixed.bytes()
    }

    @Test func row01ZeroReadOnlyAndInaccessibleExtentsKeepTheirPlace() async throws {
        try directory.write(Array(content[..<1_048_576]), to: "a.bin")
        try directory.write(Array(content[1_048_576..<2_097_152]), to: "b.bin")
        let image = try describe(
            """
            RW 2048 FLAT "a.bin" 0
            RW 100 ZERO
            RDONLY 2048 FLAT "b.bin" 0
            NOACCESS 300 FLAT "a.bin" 0
            RW 1024 FLAT "b.bin" 1024
            """)
        let expected =
            content[..<1_048_576] + [UInt8](repeating: 0, count: 51200) + content[1_048_576..<2_097_152]
            + [UInt8](repeating: 0, count: 153600) + content[1_572_864..<2_097_152]
        #expect(try await converted(image) == Array(expected))
    }

    @Test func row02AFlatExtentThatIsTooShortIsRefused() async throws {
        try directory.write(Array(content[..<1_000_000]), to: "a.bin")
        let error = await failure(of: try describe("RW 2048 FLAT \"a.bin\" 0"))
        #expect(error?.code == .inputDamaged && error?.message.contains("cut short") == true)
    }

    @Test func row03ASparseFileThatIsTooShortIsRefused() async throws {
        let image = try sparse(content)
        let bytes = try contents(of: image)
        try Tool.write(Array(bytes.dropLast(70000)), to: image)
        #expect(await failure(of: image)?.code == .inputDamaged)
    }

    @Test func row05ExtentsNeedNotBeMultiplesOfAGrain() async throws {
        // 63.75 grains, 16.1875 grains, and the rest.
        let parts = [8160, 2072, content.count / 512 - 8160 - 2072]
        var lines: [String] = []
        var start = 0
        for (index, sectors) in parts.enumerated() {
            let raw = try directory.write(Array(content[start..<start + sectors * 512]), to: "part.raw")
            try QEMU.convert(raw, to: directory.file("part\(index).vmdk"), format: "vmdk")
            lines.append("RW \(sectors) SPARSE \"part\(index).vmdk\"")
            start += sectors * 512
        }
        #expect(try await converted(try describe(lines.joined(separator: "\n"))) == content)
    }

    @Test(arguments: [
        "encoding first", "blanks", "byte-order mark", "CR", "no comment", "upper case", "CRLF at the end",
    ])
    func row06DescriptorsAreRecognisedHoweverTheyAreWritten(form: String) async throws {
        try directory.write(content, to: "a.bin")
        let plain = """
            version=1
            CID=12345678
            parentCID=ffffffff
            createType="monolithicFlat"
            RW \(content.count / 512) FLAT "a.bin" 0

            """
        let text =
            switch form {
            case "encoding first": "encoding=\"windows-1252\"\n" + plain
            case "blanks": "# Disk DescriptorFile\n" + plain.replacing("=", with: " = ").replacing("\n", with: " \n")
            case "byte-order mark": "\u{FEFF}# Disk DescriptorFile\n" + plain
            case "CR": "# Disk DescriptorFile\r" + plain.replacing("\n", with: "\r")
            case "upper case": plain.uppercased().replacing("A.BIN", with: "a.bin")
            case "CRLF at the end": plain.replacing("\n", with: "\r\n") + "\r\n\u{1A}"
            default: plain
            }
        let image = try directory.write(Array(text.replacing("\u{1A}", with: "").utf8), to: "image.vmdk")
        #expect(try DiskImageSource(path: image).info().format == .vmdk)
        #expect(try await converted(image) == content)
    }

    @Test func row10AnEntryOfOneIsAZeroedGrainWhateverTheFlagsSay() async throws {
        let image = try sparse(content)
        var bytes = try contents(of: image)
        let directorySector = Int(bytes.littleEndian(UInt64.self, at: 56))
        let table = Int(bytes.littleEndian(UInt32.self, at: directorySector * 512)) * 512
        let entry = try #require((0..<100).first { bytes.littleEndian(UInt32.self, at: table + $0 * 4) > 1 })
        bytes.replaceSubrange(table + entry * 4..<table + entry * 4 + 4, with: [1, 0, 0, 0])
        try Tool.write(bytes, to: image)
        var expected = content
        expected.replaceSubrange(entry * 65536..<(entry + 1) * 65536, with: [UInt8](repeating: 0, count: 65536))
        #expect(try await converted(image) == expected)
    }

    @Test func row11ARingOfParentsIsFound() async throws {
        try directory.write(content, to: "a.bin")
        for (name, parent) in [("one", "two"), ("two", "one")] {
            let text = """
                # Disk DescriptorFile
                version=1
                CID=12345678
                parentCID=12345678
                parentFileNameHint="\(parent).vmdk"
                createType="custom"
                RW \(content.count / 512) FLAT "a.bin" 0

                """
            try directory.write(Array(text.utf8), to: name + ".vmdk")
        }
        let error = await failure(of: directory.file("one.vmdk"))
        #expect(error?.code == .inputDamaged && error?.message.contains("loop") == true)
    }

    @Test func row12FilesOfTheHostAreNotCopied() async throws {
        for name in ["/etc/passwd", "../../../../../../../../etc/passwd"] {
            let error = await failure(of: try describe("RW 1 FLAT \"\(name)\" 0"))
            #expect(error?.code == .inputUnsupported && error?.advice?.contains("--allow-outside-files") == true)
        }
    }

    // MARK: Beyond the table

    @Test func aFileInsideIsNotTakenForOneOfThatNameOutside() async throws {
        try directory.write(content, to: "base/disk.bin", parents: true)
        try directory.write([UInt8](repeating: 0x55, count: content.count), to: "in/disk.bin", parents: true)
        let text = "createType=\"custom\"\nRW \(content.count / 512) FLAT \"../base/disk.bin\" 0\n"
        let image = try directory.write(Array(text.utf8), to: "in/image.vmdk")
        #expect(await failure(of: image)?.code == .inputUnsupported)
        var converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.raw")))
        converter.source.allowsOutsideFiles = true
        try await converter.convert()
        #expect(try contents(of: directory.file("out.raw")) == content)
    }

    /// Where the extent line says that there are more sectors, what the tables have there is not the disk's.
    @Test(arguments: [10_000, 16_384])
    func behindTheHeadersCapacityNothingIsAllocated(capacity: Int) async throws {
        let image = try sparse(content)
        var bytes = try contents(of: image)
        bytes.replaceSubrange(12..<20, with: littleEndian(UInt64(capacity)))
        try Tool.write(bytes, to: image)
        let rest = [UInt8](repeating: 0, count: content.count - capacity * 512)
        #expect(try await converted(image) == content[..<(capacity * 512)] + rest)
    }

    @Test(arguments: [("windows-1252", [0xC3, 0xA4], "Ã¤"), ("cp936", [0xD6, 0xD0, 0xCE, 0xC4], "中文")])
    func theDeclaredEncodingOfANameComesFirst(encoding: String, bytes: [UInt8], name: String) async throws {
        try directory.write(content, to: name + ".bin")
        let line = Array("encoding=\"\(encoding)\"\nRW \(content.count / 512) FLAT \"".utf8) + bytes
        let image = try directory.write(line + Array(".bin\" 0\n".utf8), to: "image.vmdk")
        #expect(try await converted(image) == content)
    }

    @Test(arguments: ["directory past the end", "directory at 0", "table past the end", "grain past the end"])
    func redundantTablesServeWhereTheFirstAreDamaged(damage: String) async throws {
        let image = try sparse(content)
        var bytes = try contents(of: image)
        let directorySector = Int(bytes.littleEndian(UInt64.self, at: 56))
        let table = Int(bytes.littleEndian(UInt32.self, at: directorySector * 512)) * 512
        let entry = try #require((0..<100).first { bytes.littleEndian(UInt32.self, at: table + $0 * 4) > 1 })
        func set(_ value: some FixedWidthInteger, at offset: Int) {
            bytes.replaceSubrange(offset..<offset + value.bitWidth / 8, with: littleEndian(value))
        }
        switch damage {
        case "directory past the end": set(UInt64(1) << 40, at: 56)
        case "directory at 0": set(UInt64(0), at: 56)
        case "table past the end": set(UInt32.max, at: directorySector * 512)
        default: set(UInt32.max, at: table + entry * 4)
        }
        try Tool.write(bytes, to: image)
        var warnings: [String] = []
        #expect(try await converted(image, &warnings) == content)
        #expect(warnings.contains { $0.contains("redundant copy was used") })
    }

    @Test(arguments: ["VMFSRDM", "VMFSRAW"])
    func aMappedDeviceIsReadWhereItIs(kind: String) async throws {
        let image = try describe("RW 2048 \(kind) \"disk-rdm.vmdk\"")
        let error = await failure(of: image)
        #expect(error?.code == .inputUnsupported && error?.message.contains("raw device") == true)
        try directory.write(Array(content[..<1_048_576]), to: "disk-rdm.vmdk")
        #expect(try await converted(image) == Array(content[..<1_048_576]))
    }

    /// Names in the encodings that VMware declares, with files whose names were converted on their way, or kept.
    @Test(
        arguments: [
            ("windows-1252", "caf\u{E9}.bin", "caf\\351.bin"),
            ("GBK", "\u{78C1}\u{76D8}.bin", "\\264\\305\\305\\314.bin"),
            ("Shift_JIS", "\u{30BD}\u{8868}.bin", "\\203\\134\\225\\134.bin"),
            ("Big5", "\u{78C1}\u{789F}.bin", "\\272\\317\\272\\320.bin"),
        ], [true, false])
    func namesInOtherEncodingsAreFound(name: (String, String, String), isConverted: Bool) async throws {
        let (encoding, text, octal) = name
        try directory.write(Array(content[..<1_048_576]), to: "data")
        let script = """
            cd "$1"; raw=$(printf '\(octal.replacing("\\", with: "\\"))'); [ "$3" = true ] && mv data "$2" || mv data "$raw"
            printf 'version=1\\nRW 2048 FLAT "%s" 0\\nencoding="\(encoding)"\\ncreateType="monolithicFlat"\\n' "$raw" \
                >image.vmdk
            """
        try Tool.check("bash", ["-c", script, "bash", directory.path, text, "\(isConverted)"])
        #expect(try await converted(directory.file("image.vmdk")) == Array(content[..<1_048_576]))
    }

    @Test func anExtentWithoutItsDescriptorIsPointedOut() async throws {
        let raw = try directory.write(content, to: "disk.raw")
        for (subformat, extent) in [("twoGbMaxExtentSparse", "s001"), ("monolithicFlat", "flat")] {
            try QEMU.convert(
                raw, to: directory.file("disk.vmdk"), format: "vmdk", options: "subformat=\(subformat)")
            let image = directory.file("disk-\(extent).vmdk")
            if extent == "s001" {
                #expect(await failure(of: image)?.advice?.contains("disk.vmdk") == true)
            } else {
                var warnings: [String] = []
                #expect(try await converted(image, &warnings) == content)
                #expect(warnings.contains { $0.contains("disk.vmdk") })
            }
        }
    }

    // MARK: Helpers

    private func describe(_ extents: String) throws -> String {
        let text = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"custom\"\n\(extents)\n"
        return try directory.write(Array(text.utf8), to: "image.vmdk")
    }

    private func sparse(_ content: [UInt8]) throws -> String {
        let raw = try directory.write(content, to: "sparse.raw")
        try QEMU.convert(raw, to: directory.file("sparse.vmdk"), format: "vmdk")
        return directory.file("sparse.vmdk")
    }

    private func converted(_ image: String) async throws -> [UInt8] {
        var warnings: [String] = []
        return try await converted(image, &warnings)
    }

    private func converted(_ image: String, _ warnings: inout [String]) async throws -> [UInt8] {
        var converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("out.raw")))
        converter.target.existing = .replace
        warnings = try await converter.convert().warnings
        return try contents(of: directory.file("out.raw"))
    }

    private func failure(of image: String) async -> ImageError? {
        let converter = Converter(
            source: DiskImageSource(path: image), target: DiskImageTarget(path: directory.file("failed.raw")))
        do {
            try await converter.convert()
            return nil
        } catch {
            return error as? ImageError
        }
    }
}
