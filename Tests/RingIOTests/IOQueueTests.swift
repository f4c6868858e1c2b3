import Foundation
import RingIO
import TestSupport
import Testing

/// The two kinds of queue keep the same contract.
@Suite struct IOQueueTests {
    enum Kind: CaseIterable {
        case ring
        case sync

        func make(_ wake: WakeEvent) throws -> any IOQueue {
            switch self {
            case .ring: try RingQueue(wake: wake)
            case .sync: SyncQueue(wake: wake)
            }
        }
    }

    /// False where a container's seccomp profile or a sysctl refuses io_uring.
    static let hasRing = (try? RingQueue(wake: WakeEvent())) != nil

    @Test(.enabled(if: hasRing, "the system refuses io_uring"), arguments: Kind.allCases, [true, false])
    func transfersBothWays(kind: Kind, registered: Bool) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("data")
        let file = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        let memory = try AlignedMemory(length: 1 << 20)
        let queue = try kind.make(WakeEvent())
        if registered { queue.register(memory.bytes) }
        for index in 0..<memory.bytes.count { memory.bytes[index] = UInt8(truncatingIfNeeded: index &* 7) }

        // More requests than a ring has entries.
        let length = 4096
        func transfer(_ direction: IORequest.Direction) -> [UInt64: Int32] {
            for number in 0..<256 {
                let part = UnsafeMutableRawBufferPointer(
                    rebasing: memory.bytes[number * length..<(number + 1) * length])
                queue.submit(
                    IORequest(
                        direction, .descriptor(file), offset: UInt64(number * length), memory: part,
                        isRegistered: true, token: UInt64(number)))
            }
            var completions: [IOCompletion] = []
            while completions.count < 256 { queue.wait(&completions) }
            return Dictionary(completions.map { ($0.token, $0.result) }, uniquingKeysWith: { $1 })
        }
        let written = transfer(.write)
        #expect(written.count == 256 && written.values.allSatisfy { $0 == Int32(length) })
        let before = Array(memory.bytes)
        #expect(try contents(of: path) == before)
        for index in 0..<memory.bytes.count { memory.bytes[index] = 0 }
        #expect(transfer(.read).count == 256)
        #expect(Array(memory.bytes) == before)
    }

    @Test(.enabled(if: hasRing, "the system refuses io_uring"), arguments: Kind.allCases)
    func reportsErrorsAndTheEndOfTheFile(kind: Kind) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write([1, 2, 3], to: "short")
        let file = open(path, O_RDONLY)
        defer { close(file) }
        let memory = try AlignedMemory(length: 4096)
        let queue = try kind.make(WakeEvent())
        queue.submit(
            IORequest(.read, .descriptor(file), offset: 0, memory: memory.bytes, isRegistered: false, token: 1))
        queue.submit(
            IORequest(.read, .descriptor(file), offset: 3, memory: memory.bytes, isRegistered: false, token: 2))
        queue.submit(
            IORequest(.write, .descriptor(file), offset: 0, memory: memory.bytes, isRegistered: false, token: 3))
        var completions: [IOCompletion] = []
        while completions.count < 3 { queue.wait(&completions) }
        let results = Dictionary(completions.map { ($0.token, $0.result) }, uniquingKeysWith: { $1 })
        #expect(results == [1: 3, 2: 0, 3: -EBADF])
    }

    @Test(.enabled(if: hasRing, "the system refuses io_uring"), arguments: Kind.allCases)
    func anotherThreadEndsTheWait(kind: Kind) throws {
        let wake = try WakeEvent()
        let queue = try kind.make(wake)
        for _ in 0..<3 {
            // A thread, not a task: the wait blocks a thread of the pool that tasks run on.
            Thread.detachNewThread {
                usleep(20_000)
                wake.signal()
            }
            var completions: [IOCompletion] = []
            queue.wait(&completions)
            #expect(completions.isEmpty)
        }
    }
}
