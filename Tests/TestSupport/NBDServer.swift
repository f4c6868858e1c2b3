import Foundation

/// A server of NBD exports on a Unix socket, as long as its owner lives.
package final class NBDServer {
    /// Names the export.
    package let uri: String
    private let directory: TemporaryDirectory
    private let process: RunningTool

    private init(export: String = "", _ start: (_ socket: String) throws -> RunningTool) throws {
        directory = try TemporaryDirectory()
        let socket = directory.file("socket")
        uri = "nbd+unix:///\(export)?socket=\(socket)"
        process = try start(socket)
        try directory.wait(for: "socket")
    }

    deinit {
        stop()
        _ = try? process.wait()
    }

    /// Ends the server at once.
    package func stop() { process.signal(SIGKILL) }

    /// nbdkit with `arguments`: filters, the plugin and its parameters.
    package static func nbdkit(_ arguments: [String]) throws -> NBDServer {
        try NBDServer { try Tool.start("nbdkit", ["-f", "--exit-with-parent", "-U", $0] + arguments) }
    }

    /// qemu-nbd with `arguments`: options and the image.
    package static func qemu(_ arguments: [String]) throws -> NBDServer {
        try NBDServer { try Tool.start("qemu-nbd", ["--persistent", "--socket", $0] + arguments) }
    }

    /// qemu-storage-daemon with a raw file that can be written.
    package static func storageDaemon(_ path: String) throws -> NBDServer {
        try NBDServer(export: "disk") {
            try Tool.start(
                "qemu-storage-daemon",
                [
                    "--blockdev", "driver=file,node-name=disk,filename=\(path),discard=unmap",
                    "--nbd-server", "addr.type=unix,addr.path=\($0),max-connections=0",
                    "--export", "type=nbd,id=export,node-name=disk,name=disk,writable=on",
                ])
        }
    }
}
