import Foundation
import TestSupport
import Testing

/// `check` finds in qcow2 images what `qemu-img check` finds, and repairs it as well.
@Suite struct CheckQCOW2Tests {
    private let directory: TemporaryDirectory
    private let raw: String

    init() throws {
        directory = try TemporaryDirectory()
        raw = try directory.write(DamagedImage.content.bytes(), to: "disk.raw")
    }

    @Test(arguments: [
        ("", false), ("compat=0.10", false), ("cluster_size=512", false), ("cluster_size=4k", true),
        ("cluster_size=2M", false), ("refcount_bits=1,cluster_size=4k", false), ("refcount_bits=4", true),
        ("refcount_bits=64,cluster_size=1k", false), ("compression_type=zstd", true), ("extended_l2=on", false),
        ("extended_l2=on", true), ("preallocation=metadata", false), ("lazy_refcounts=on", false),
    ])
    func agreesAboutSoundImages(options: String, compress: Bool) throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2", options: options, compress: compress)
        try requireAgreement(image, status: 0)
    }

    @Test func agreesAboutSoundImagesThatWereWrittenTo() throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2", options: "cluster_size=4k")
        for name in ["one", "two"] {
            try Tool.check("qemu-img", ["snapshot", "-c", name, image])
            try Tool.check("qemu-io", ["-c", "write -P 3 64k 200k", "-c", "write -z 512k 64k", image])
        }
        try Tool.check("qemu-img", ["bitmap", "--add", "-g", "512", image, "changes"])
        try Tool.check("qemu-io", ["-c", "write -P 5 300k 600k", image])
        try requireAgreement(image, status: 0)
        let subclusters = directory.file("subclusters.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "extended_l2=on", subclusters, "8M"])
        try Tool.check("qemu-io", ["-c", "write 2k 2k", "-c", "write -z 1M 6k", "-c", "write 100k 4k", subclusters])
        try requireAgreement(subclusters, status: 0)
        let overlay = directory.file("overlay.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-b", image, "-F", "qcow2", overlay])
        try requireAgreement(overlay, status: 0)
    }

    @Test func agreesAboutSoundImagesWithOtherFiles() throws {
        let image = directory.file("image.qcow2")
        try QEMU.convert(raw, to: image, format: "qcow2", options: "data_file=\(directory.file("data"))")
        try requireAgreement(image, status: 0)
    }

    @Test func agreesAboutEncryptedImages() throws {
        let image = directory.file("luks.qcow2")
        let secret = ["--object", "secret,id=key,data=abc"]
        try QEMU.encrypt(
            "create", ["-q", "-f", "qcow2", image, "8M"], secret: "data=abc", options: "encrypt.format=luks")
        let options = "driver=qcow2,encrypt.key-secret=key,file.filename=\(image)"
        try Tool.check("qemu-img", ["check"] + secret + ["--image-opts", options])
        #expect(try CheckResult.ours(image).status == 0)
    }

    @Test(arguments: CheckDamage.all + CheckDamage.rebuilt)
    func countsAsQemuImgDoes(damage: CheckDamage) throws {
        let image = try directory.write(try damage.image().bytes, to: "image.qcow2")
        let before = try contents(of: image)
        try requireAgreement(image)
        #expect(try contents(of: image) == before)
    }

    @Test(arguments: CheckDamage.all, ["leaks", "all"])
    func repairsAsQemuImgDoes(damage: CheckDamage, extent: String) throws {
        let bytes = try damage.image().bytes
        let image = try directory.write(bytes, to: "ours.qcow2")
        let theirImage = try directory.write(bytes, to: "theirs.qcow2")
        let ours = try CheckResult.ours(image, ["-r", extent])
        #expect(ours == (try CheckResult.theirs(theirImage, ["-r", extent])), "\(ours)")
        #expect(try CheckResult.theirs(image) == CheckResult.theirs(theirImage))
        if damage.keepsContent, ours.status == 0 { try QEMU.requireIdentical(raw, image, format: "qcow2") }
    }

    @Test(arguments: CheckDamage.rebuilt)
    func makesNewRefcountsWhereTheyAreDamaged(damage: CheckDamage) throws {
        let bytes = try damage.image().bytes
        let image = try directory.write(bytes, to: "image.qcow2")
        // Leaks alone can't be repaired then, and nothing is touched.
        let leaks = try CheckResult.ours(image, ["-r", "leaks"])
        #expect(leaks.status == 1)
        #expect(try contents(of: image) == bytes)
        let all = try CheckResult.ours(image, ["-r", "all"])
        #expect(all.status == 0, "\(all)")
        try QEMU.requireClean(image)
        try QEMU.requireIdentical(raw, image, format: "qcow2")
        #expect(try CheckResult.ours(image).status == 0)
    }

    /// Nine L2 tables whose 8192 entries all name one compressed cluster.
    @Test func countsMoreReferencesThanFitIntoSixteenBits() throws {
        let image = directory.file("image.qcow2")
        try Tool.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "refcount_bits=32", image, "4608M"])
        try Tool.check("qemu-io", (0..<9).flatMap { ["-c", "write -c -P 7 \($0 * 512)M 64k"] } + [image])
        var shared = DamagedImage(bytes: try contents(of: image), format: "qcow2")
        let entry = shared.bigEndian(at: shared.l2)
        for table in 0..<9 {
            let l2 = Int(shared.bigEndian(at: shared.l1 + table * 8) & 0x00FF_FFFF_FFFF_FE00)
            for index in 0..<8192 { shared.set64(entry, bigEndianAt: l2 + index * 8) }
        }
        let block = Int(shared.bigEndian(at: shared.refcountTable))
        let cluster = Int(entry & (1 << 54 - 1)) >> 16
        shared.bytes.storeBigEndian(UInt32(9 * 8192), at: block + cluster * 4)
        try directory.write(shared.bytes, to: "image.qcow2")
        try requireAgreement(image, status: 0)
        #expect(try CheckResult.ours(image, ["-r", "all"]).status == 0)
        #expect(try contents(of: image) == shared.bytes)
        // New refcounts, too.
        shared.set64(0, bigEndianAt: shared.refcountTable)
        try directory.write(shared.bytes, to: "image.qcow2")
        #expect(try CheckResult.ours(image, ["-r", "all"]).status == 0)
        try QEMU.requireClean(image)
    }

    /// A refcount block of 64 bits in clusters of 512 bytes counts 64 clusters, the data behind an L1 entry.
    @Test func makesNoRefcountsForPartsThatNothingUses() throws {
        let image = directory.file("image.qcow2")
        try Tool.check(
            "qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=512,refcount_bits=64", image, "2M"])
        try Tool.check("qemu-io", ["-c", "write -P 7 0 1000k", image])
        var damaged = DamagedImage(bytes: try contents(of: image), format: "qcow2")
        for index in 3..<25 { damaged.set64(0, bigEndianAt: damaged.l1 + index * 8) }
        damaged.set64(0, bigEndianAt: Int(damaged.bigEndian(at: damaged.refcountTable)))
        try directory.write(damaged.bytes, to: "image.qcow2")
        let disk = directory.file("before.raw")
        try Tool.check("qemu-img", ["convert", "-O", "raw", image, disk])
        let result = try CheckResult.ours(image, ["-r", "all"])
        #expect(result.status == 0, "\(result)")
        try QEMU.requireClean(image)
        try QEMU.requireIdentical(disk, image, format: "qcow2")
        // With a block for each part there would be more.
        #expect(try contents(of: image).count < damaged.bytes.count + 24 * 512)
    }

    /// Where the file can't grow, the image is what it was.
    @Test(arguments: CheckDamage.rebuilt.prefix(1))
    func leavesTheImageAsItIsWhereNewRefcountsCantBeStored(damage: CheckDamage) throws {
        let bytes = try damage.image().bytes
        let image = try directory.write(bytes, to: "image.qcow2")
        let result = try Tool.run(
            "prlimit", ["--fsize=\(bytes.count + 100_000)", Tool.converter, "check", "-r", "all", image])
        #expect(result.status == 1)
        #expect(try contents(of: image).starts(with: bytes))
        try QEMU.requireIdentical(raw, image, format: "qcow2")
        #expect(try CheckResult.theirs(image).corruptions == 2)
    }

    @Test func repairsNoImageInUse() throws {
        let image = try directory.write(try CheckDamage.all[0].image().bytes, to: "image.qcow2")
        let holder = try Tool.start("qemu-io", ["-r", "-f", "qcow2", "-c", "sleep 600000", image])
        defer {
            holder.signal(SIGKILL)
            _ = try? holder.wait()
        }
        // qemu-io takes its locks a moment after it starts.
        for _ in 0..<500 where try Tool.run("qemu-io", ["-c", "quit", image]).status == 0 { usleep(20_000) }
        let before = try contents(of: image)
        let result = try Tool.run(Tool.converter, ["check", "-r", "all", image])
        #expect(result.status == 1 && result.error.contains("another process"), "\(result)")
        #expect(try contents(of: image) == before)
        // Its reader does not mind another one.
        #expect(try CheckResult.ours(image).status == 2)
        #expect(try CheckResult.ours(image, ["-U"]).status == 2)
        #expect(try CheckResult.ours(image, ["-U", "-r", "all"]).status == 1)
    }

    /// What qemu-img gives up on or does not see.
    @Test func findsMoreThanQemuImg() throws {
        var cut = try DamagedImage.qcow2()
        cut.cut(to: cut.bytes.count - 32768)
        var zero = try DamagedImage.qcow2("compat=0.10")
        zero.bytes[zero.usedL2Entry + 7] |= 1
        var shared = try DamagedImage.qcow2()
        // The L1 table as data of the guest, with refcounts and marks that agree.
        let leaked = shared.usedCluster
        let block = Int(shared.bigEndian(at: shared.refcountTable))
        shared.set64(UInt64(shared.l1), bigEndianAt: shared.usedL2Entry)
        shared.bytes.storeBigEndian(UInt16(2), at: block + shared.l1 >> 16 * 2)
        shared.bytes.storeBigEndian(UInt16(0), at: block + leaked * 2)
        for (name, image) in [("cut", cut), ("zero", zero), ("shared", shared)] {
            let path = try directory.write(image.bytes, to: name)
            #expect(try CheckResult.theirs(path).status == 0)
            let ours = try CheckResult.ours(path)
            #expect(ours.status == 2 && ours.corruptions == 1, "\(name): \(ours)")
            #expect(ours.findings.contains("at byte"))
        }
        var unaligned = try DamagedImage.qcow2()
        unaligned.bytes[unaligned.refcountTable + 6] ^= 2
        let path = try directory.write(unaligned.bytes, to: "unaligned")
        #expect(try CheckResult.theirs(path).status == 1)
        #expect(try CheckResult.ours(path).status == 2)
        #expect(try CheckResult.ours(path, ["-r", "all"]).status == 0)
        try QEMU.requireClean(path)
        try QEMU.requireIdentical(raw, path, format: "qcow2")
    }

    /// An image that was not to be written to is only cleared of marks by a repair, and keeps its snapshots.
    @Test func forgetsUnknownAutoclearFeaturesWhenItWrites() throws {
        var image = try DamagedImage.qcow2Snapshot()
        image.bytes[94] |= 2
        let path = try directory.write(image.bytes, to: "image.qcow2")
        #expect(try CheckResult.ours(path, ["-r", "all"]).status == 0)
        image.bytes[94] &= ~2
        #expect(try contents(of: path) == image.bytes)
    }

    private func requireAgreement(_ image: String, status: Int32? = nil) throws {
        let theirs = try CheckResult.theirs(image)
        let ours = try CheckResult.ours(image)
        #expect(ours == theirs, "ours: \(ours)\ntheirs: \(theirs)")
        if let status { #expect(theirs.status == status) }
        // The text for people, too.
        let text = try Tool.run(Tool.converter, ["check", image]).output
        #expect(text == (try Tool.run("qemu-img", ["check", "-f", "qcow2", image]).output))
        #expect(try Tool.run(Tool.converter, ["check", "-q", image]).output.isEmpty)
    }
}
