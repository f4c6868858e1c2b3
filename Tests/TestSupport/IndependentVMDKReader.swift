/// Readers of VMDK that share no code with us or with QEMU.
package enum IndependentVMDKReader: String, CaseIterable, Sendable {
    /// 7-Zip.
    case sevenZip
    /// libvmdk, by its Python binding: Debian's, so for Debian's Python.
    case libvmdk
    /// dissect.hypervisor, from PyPI. Fails on disks that are no multiple of 8 KiB.
    case dissect

    package var isAvailable: Bool {
        switch self {
        case .sevenZip: Capabilities.has("7z")
        case .libvmdk: (try? Tool.run("/usr/bin/python3", ["-c", "import pyvmdk"]).status) == 0
        case .dissect: (try? Tool.run("python3", ["-c", "import dissect.hypervisor"]).status) == 0
        }
    }

    /// Throws unless the disk at `path` has the content of the file `raw`.
    package func requireIdentical(_ raw: String, _ path: String) throws {
        switch self {
        case .sevenZip: try Tool.check("sh", ["-c", "7z x -so '\(path)' | cmp - '\(raw)'"])
        case .libvmdk: try Tool.check("/usr/bin/python3", ["-c", Self.libvmdkScript, raw, path])
        case .dissect: try Tool.check("python3", ["-c", Self.dissectScript, raw, path])
        }
    }

    private static let libvmdkScript = """
        import sys, pyvmdk
        disk = pyvmdk.handle()
        disk.open(sys.argv[2])
        disk.open_extent_data_files()
        content = open(sys.argv[1], "rb").read()
        assert disk.media_size == len(content), disk.media_size
        assert disk.read_buffer(len(content)) == content
        """

    private static let dissectScript = """
        import sys
        from pathlib import Path
        from dissect.hypervisor.disk.vmdk import VMDK
        disk = VMDK(Path(sys.argv[2]))
        content = open(sys.argv[1], "rb").read()
        assert disk.size == len(content), disk.size
        assert disk.read(len(content)) == content
        """
}
