import Foundation
import TestSupport
import Testing

/// `inspect`, `fixup`, and `--fixup` of a conversion.
@Suite struct FixupCommandTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A disk of which sector 2 can't be read, where the superblock of ext4 would be, is not one of unknown content.
    @Test(
        .enabled(if: Capabilities.has("nbdkit"), "needs nbdkit"),
        arguments: ["inspect", "fixup --plan", "convert --fixup"])
    func unreadableSectorsAreErrors(command: String) throws {
        let script = """
            if [ $4 -lt 1536 ] && [ $(($4 + $3)) -gt 1024 ]; then echo EIO bad >&2; exit 1; fi
            dd if=/dev/zero bs=$3 count=1 status=none
            """
        let server = try NBDServer.nbdkit(["eval", "get_size=echo 1048576", "pread=\(script)"])
        let isConversion = command.hasPrefix("convert")
        let arguments =
            command.split(separator: " ").map(String.init) + [server.uri]
            + (isConversion ? [directory.file("out.raw")] : [])
        let result = try Tool.run(Tool.converter, arguments)
        #expect(result.status == 10, "\(result)")
        #expect(result.error.contains(server.uri) && result.error.contains("(at byte 0)"), "\(result.error)")
        #expect(directory.names.isEmpty)
    }
}
