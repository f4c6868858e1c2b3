import Glibc

/// An export of an NBD server: a disk that is read or written by requests.
package final class NBDExport: Sendable {
    /// As the user gave it.
    package let uri: String
    /// The connection for metadata, which is also the first for data.
    package let control: NBDConnection

    /// How long the first connection may take, in milliseconds: a server that starts a machine's disk may need some seconds.
    private static let patience = 30_000
    /// How long others may take, in milliseconds. A server that lets only so many clients in, as `qemu-nbd` does by default,
    /// leaves the next one waiting; then the first connection does for all.
    private static let patienceForOthers = 2000

    /// Whether `path` is no path but names an export.
    package static func isURI(_ path: String) -> Bool {
        ["nbd://", "nbds://", "nbd+unix://", "nbds+unix://"].contains { path.hasPrefix($0) }
    }

    /// Connects to the export at `uri`.
    package init(uri: String) throws(NBDError) {
        self.uri = uri
        control = try NBDConnection(uri: uri, patience: Self.patience)
    }

    /// A connection for the data that worker number `worker` transfers: of its own, as far as the server allows that.
    package func connection(forWorker worker: Int) -> NBDConnection {
        guard worker > 0, control.allowsOthers else { return control }
        return (try? NBDConnection(uri: uri, patience: Self.patienceForOthers)) ?? control
    }

    /// Bytes.
    package var size: UInt64 { control.size }

    /// What writes and zeroed ranges must be aligned to, in bytes: a power of two.
    package var blockSize: UInt64 { control.blockSize.minimum }
}
