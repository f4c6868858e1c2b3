import Foundation

extension Tool {
    /// Unmounts what is mounted at `path`. A process that another test is just starting has our open files for a moment: then
    /// it takes several tries.
    package static func unmount(_ path: String) throws {
        for _ in 0..<100 {
            let result = try run("umount", [path])
            if result.status == 0 { return }
            guard result.error.contains("busy") else { throw Failure(command: "umount \(path)", result: result) }
            usleep(100_000)
        }
        try check("umount", [path])
    }
}
