import CLibnbd
import Glibc

/// Tells data from zeros in an export (the block status `base:allocation`), remembering the last answer, so that a sequential
/// reader asks the server once for many runs.
package final class NBDBlockStatus {
    /// Bytes that the server is asked about at a time. Sparse disks of many TiB need few requests.
    private static let window: UInt64 = 1 << 30
    /// Runs of an answer that are kept; the server is asked again for the others.
    private static let maximumRuns = 16384

    private let connection: NBDConnection
    /// Where the first of the ``runs`` starts.
    private var start: UInt64 = 0
    /// By the byte where they end, in order.
    private var runs: [(end: UInt64, isData: Bool)] = []
    /// The run that the last question was about.
    private var current = 0

    package init(_ export: NBDExport) {
        connection = export.control
    }

    /// Whether there is data at `offset`, which lies in the export, or zeros, and where that ends.
    /// - Returns: nil if the server can't tell.
    package func run(at offset: UInt64) -> (end: UInt64, isData: Bool)? {
        if let run = remembered(offset) { return run }
        guard connection.hasBlockStatus, ask(at: offset) else { return nil }
        return remembered(offset)
    }

    private func remembered(_ offset: UInt64) -> (end: UInt64, isData: Bool)? {
        guard offset >= start else { return nil }
        if current > 0, runs[current - 1].end > offset { current = 0 }
        while current < runs.count, runs[current].end <= offset { current += 1 }
        return current < runs.count ? runs[current] : nil
    }

    /// Fills ``runs`` from the block of `offset` on.
    private func ask(at offset: UInt64) -> Bool {
        let block = connection.blockSize.minimum
        start = offset & ~(block - 1)
        runs.removeAll(keepingCapacity: true)
        current = 0
        let count = min(max(Self.window, block), connection.size - start)
        var callback = unsafe nbd_extent_callback()
        // Safe: the pointer is used only during the call, in which this object lives.
        unsafe callback.user_data = Unmanaged.passUnretained(self).toOpaque()
        unsafe callback.callback = { data, context, offset, entries, count, _ in
            guard let data = unsafe data, let context = unsafe context, let entries = unsafe entries else { return 0 }
            if unsafe String(cString: context) == LIBNBD_CONTEXT_BASE_ALLOCATION {
                // Safe: libnbd says how many words there are.
                unsafe Unmanaged<NBDBlockStatus>.fromOpaque(data).takeUnretainedValue()
                    .append(UnsafeBufferPointer(start: entries, count: count))
            }
            return 0
        }
        do throws(NBDError) {
            try connection.wait { unsafe nbd_block_status(connection.handle, count, start, callback, 0) }
        } catch {
            return false
        }
        return !runs.isEmpty
    }

    /// Adds what the server has said: pairs of a length and of flags. Without the flag of zeros the content of a hole is
    /// undefined, but may matter.
    private func append(_ entries: UnsafeBufferPointer<UInt32>) {
        var position = runs.last?.end ?? start
        for index in stride(from: 0, to: entries.count - 1, by: 2) {
            let isData = unsafe entries[index + 1] & UInt32(LIBNBD_STATE_ZERO) == 0
            position = min(position + UInt64(unsafe entries[index]), connection.size)
            if let last = runs.last, last.isData == isData {
                runs[runs.count - 1].end = position
            } else if runs.count < Self.maximumRuns {
                runs.append((position, isData))
            } else {
                return
            }
        }
    }
}
