/// Readers of VHD and VHDX that share no code with us or with QEMU.
package enum IndependentVHDReader: String, CaseIterable, Sendable {
    /// 7-Zip. Reads no VHDX that is no multiple of 4 KiB.
    case sevenZip
    /// libvhdi, by its Python binding: Debian's, so for Debian's Python.
    case libvhdi
    /// dissect.hypervisor, from PyPI.
    case dissect

    package var isAvailable: Bool {
        switch self {
        case .sevenZip: SevenZip.isThere
        case .libvhdi: (try? Tool.run("/usr/bin/python3", ["-c", "import pyvhdi"]).status) == 0
        case .dissect: (try? Tool.run("python3", ["-c", "import dissect.hypervisor"]).status) == 0
        }
    }

    /// Throws unless the disk at `path`, of the type `vhd` or `vhdx`, has the content of the file `raw`.
    package func requireIdentical(_ raw: String, _ path: String, type: String) throws {
        switch self {
        case .sevenZip:
            try SevenZip.extract(path, type: type, to: path + ".raw")
            try Tool.check("cmp", [path + ".raw", raw])
        case .libvhdi: try Tool.check("/usr/bin/python3", ["-c", Self.libvhdiScript, raw, path])
        case .dissect: try Tool.check("python3", ["-c", Self.dissectScript, raw, path, type])
        }
    }

    private static let libvhdiScript = """
        import sys, pyvhdi
        disk = pyvhdi.file()
        disk.open(sys.argv[2])
        content = open(sys.argv[1], "rb").read()
        assert disk.media_size == len(content), disk.media_size
        assert disk.read_buffer(len(content)) == content
        """

    private static let dissectScript = """
        import importlib, sys
        module = importlib.import_module("dissect.hypervisor.disk." + sys.argv[3])
        disk = getattr(module, sys.argv[3].upper())(open(sys.argv[2], "rb"))
        content = open(sys.argv[1], "rb").read()
        assert disk.size == len(content), disk.size
        assert disk.read(len(content)) == content
        """
}
