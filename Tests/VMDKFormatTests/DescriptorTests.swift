import Testing

@testable import VMDKFormat

/// Descriptors as real software writes them; the facts are those of VMware's technical note and of files seen.
@Suite struct DescriptorTests {
    static let plain = """
        # Disk DescriptorFile
        version=1
        CID=fffffffe
        parentCID=ffffffff
        createType="twoGbMaxExtentSparse"

        # Extent description
        RW 4192256 SPARSE "disk-s001.vmdk"
        RW 2101248 SPARSE "disk-s002.vmdk"

        #DDB
        ddb.adapterType = "lsilogic"
        """

    @Test func readsTheUsualForm() throws {
        let descriptor = try Descriptor(parsing: Array(Self.plain.utf8))
        #expect(descriptor.contentID == 0xFFFF_FFFE)
        #expect(descriptor.createType == "twoGbMaxExtentSparse")
        #expect(!descriptor.hasParent)
        #expect(descriptor.extents.map(\.sectors) == [4_192_256, 2_101_248])
        #expect(descriptor.extents.map(\.fileName) == ["disk-s001.vmdk", "disk-s002.vmdk"])
        #expect(descriptor.database.map(\.value) == ["lsilogic"])
    }

    @Test(arguments: [
        plain.replacing("\n", with: "\r\n"),
        plain.replacing("\n", with: "\r"),
        plain.replacing("\n", with: "  \t\n"),
        plain.replacing("=", with: " = "),
        "\u{FEFF}" + plain,
        plain + "\n\0\0\0 anything",
        plain.replacing("CID", with: "cid").replacing("RW", with: "rw").replacing("SPARSE", with: "sparse"),
        plain.replacing("createType", with: "CREATETYPE"),
        plain.replacing("version=1", with: "encoding=\"windows-1252\"\nversion=1"),
        plain.replacing("RW ", with: " RW\t"),
    ])
    func readsEveryWayOfWritingIt(text: String) throws {
        let bytes = Array(text.utf8)
        #expect(Descriptor.isRecognisable(bytes))
        let descriptor = try Descriptor(parsing: bytes)
        let expected = try Descriptor(parsing: Array(Self.plain.utf8))
        #expect(descriptor.extents == expected.extents)
        #expect(descriptor.contentID == expected.contentID)
        #expect(descriptor.createType == expected.createType)
    }

    @Test func extentLinesMayHaveOffsetsQuotesAndMore() throws {
        let line = try #require(try ExtentLine(parsing: #"RDONLY 63 FLAT "a "b" c.vmdk" 128 dd-partition"#, number: 1))
        #expect(
            line == ExtentLine(access: .readOnly, sectors: 63, kind: .flat, fileName: #"a "b" c.vmdk"#, offset: 128))
        let zero = try #require(try ExtentLine(parsing: "RW 63 ZERO", number: 1))
        #expect(zero.kind == .zero && zero.fileName == nil)
    }

    @Test func aParentIsAParentWhateverNamesIt() throws {
        #expect(try Descriptor(parsing: Array("parentCID=12345678\n".utf8)).hasParent)
        #expect(try Descriptor(parsing: Array("parentFileNameHint=\"base.vmdk\"\n".utf8)).hasParent)
        #expect(try !Descriptor(parsing: Array("parentCID=FFFFFFFF\n".utf8)).hasParent)
        #expect(try !Descriptor(parsing: Array("parentFileNameHint=\"\"\n".utf8)).hasParent)
    }

    @Test(arguments: [
        "RW many SPARSE \"a.vmdk\"", "RW 12 SPARSE", "RW 12 HOLOGRAM \"a.vmdk\"", "RW 12 FLAT \"a.vmdk\" here",
        "RW 99999999999999999999 SPARSE \"a\"", "CID=xyz", "parentCID=123456789", "nonsense", "RW 12 FLAT \"a.vmdk",
    ])
    func refusesLinesThatCannotBeUnderstood(line: String) {
        #expect(throws: DescriptorError.self) { try Descriptor(parsing: Array("version=1\n\(line)\n".utf8)) }
    }

    @Test func binaryFilesAreNoDescriptors() {
        #expect(!Descriptor.isRecognisable([]))
        #expect(!Descriptor.isRecognisable([0, 1, 2]))
        #expect(!Descriptor.isRecognisable(Array("version=1\nname=x\n".utf8)))
        #expect(!Descriptor.isRecognisable(Array("#!/bin/sh\necho createType\n".utf8)))
    }
}
