import CLinux
import DiskImage
import Glibc
import Locking
import RingIO
import Synchronization
import SystemPackage

/// Writes to a descriptor, strictly in order, what workers hand in in any order: a thread of its own, so that nobody who
/// compresses waits for whoever reads a pipe. Memory is bounded by the workers' slots.
final class OutputStream: OutputSink, Sendable {
    /// What one request writes. Safe to send: nobody else touches the memory.
    @safe private enum Piece: @unchecked Sendable {
        /// A worker's memory, its own again after the completion with `token`.
        case borrowed(UnsafeMutableRawBufferPointer, worker: Int, token: UInt64)
        case owned([UInt8])
    }

    private struct State {
        /// Bytes that have been written.
        var position: UInt64 = 0
        /// By offset.
        var waiting: [UInt64: Piece] = [:]
        /// What workers have not yet fetched.
        var completions: [[IOCompletion]]
        /// Why nothing more is written.
        var failure: Errno?
        /// Whether everything has been handed in.
        var isComplete = false
    }

    private let state: Guarded<State>
    private let file: OutputFile
    private let job: Job
    /// Ends the thread's wait.
    let wake: WakeEvent
    private let workers: [WakeEvent]

    /// - Parameters:
    ///   - file: where to write.
    ///   - wake: ends the wait of the stream's thread; signalled when the job fails.
    ///   - workers: of the workers' waits.
    init(file: OutputFile, job: Job, wake: WakeEvent, workers: [WakeEvent]) {
        self.file = file
        self.job = job
        self.wake = wake
        self.workers = workers
        state = Guarded(State(completions: [[IOCompletion]](repeating: [], count: workers.count)))
    }

    // MARK: Handing in

    /// Takes over a worker's request. Its completion comes by ``takeCompletions(of:into:)``, announced by the worker's event.
    func submit(_ request: IORequest, of worker: Int) {
        unsafe insert(.borrowed(request.memory, worker: worker, token: request.token), at: request.offset)
    }

    func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) {
        insert(.owned(bytes), at: offset.bytes)
        job.writtenBytes.add(UInt64(bytes.count), ordering: .relaxed)
    }

    func reserve(_ file: Int, upTo size: UInt64) {}

    func writeZeros(at offset: HostOffset, length: UInt64) {
        preconditionFailure("a stream has no old content to clear")
    }

    func barrier() {}

    private func insert(_ piece: Piece, at offset: UInt64) {
        state.withLock { state in
            if let failure = state.failure { return finish(piece, -failure.rawValue, &state) }
            precondition(offset >= state.position, "a stream can't go back")
            state.waiting[offset] = piece
        }
        wake.signal()
    }

    /// Appends what has become of the requests of `worker`.
    func takeCompletions(of worker: Int, into completions: inout [IOCompletion]) {
        completions += state.withLock { state in
            defer { state.completions[worker].removeAll() }
            return state.completions[worker]
        }
    }

    /// Everything has been handed in: ``run()`` returns when it is written.
    func complete() {
        state.withLock { $0.isComplete = true }
        wake.signal()
    }

    // MARK: Writing

    /// The body of the thread: returns when everything is written, or nothing more can be; then the job has failed.
    func run() {
        // A reader that goes away is an error like any other, not the end of the process.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        while true {
            if job.isStopped { return fail(.canceled) }
            let (piece, isEnd) = state.withLock { state in
                (state.waiting.removeValue(forKey: state.position), state.isComplete && state.waiting.isEmpty)
            }
            if let piece {
                guard write(piece) else { return }
            } else if isEnd {
                return
            } else {
                wake.wait()
            }
        }
    }

    /// - Returns: false if nothing more can be written.
    private func write(_ piece: Piece) -> Bool {
        do throws(Errno) {
            let count: Int
            switch piece {
            case .borrowed(let memory, _, _):
                count = memory.count
                try unsafe write(UnsafeRawBufferPointer(memory))
            case .owned(let bytes):
                count = bytes.count
                let result = unsafe bytes.withUnsafeBytes { memory in
                    Result { () throws(Errno) in try unsafe write(memory) }
                }
                try result.get()
            }
            state.withLock { finish(piece, Int32(count), &$0) }
            return true
        } catch {
            if error != .canceled {
                let position = state.withLock { $0.position }
                job.fail(
                    file.failure("can't write the output", at: position, error))
            }
            state.withLock { finish(piece, -error.rawValue, &$0) }
            fail(error)
            return false
        }
    }

    private func write(_ memory: UnsafeRawBufferPointer) throws(Errno) {
        var done = 0
        while done < memory.count {
            guard !job.isStopped else { throw .canceled }
            // Safe: the rest of the memory.
            let rest = unsafe UnsafeRawBufferPointer(rebasing: memory[done...])
            let result = unsafe Glibc.write(file.descriptor.rawValue, rest.baseAddress, rest.count)
            if result >= 0 {
                done += result
                state.withLock { $0.position += UInt64(result) }
                continue
            }
            switch Errno.current {
            case .interrupted: continue
            case .resourceTemporarilyUnavailable: wake.wait(untilWritable: file.descriptor.rawValue)
            case let errno: throw errno
            }
        }
    }

    /// Gives back everything that waits, and whatever comes.
    private func fail(_ errno: Errno) {
        state.withLock { state in
            state.failure = errno
            for piece in state.waiting.values { finish(piece, -errno.rawValue, &state) }
            state.waiting = [:]
        }
    }

    private func finish(_ piece: Piece, _ result: Int32, _ state: inout State) {
        guard case .borrowed(_, let worker, let token) = piece else { return }
        state.completions[worker].append(IOCompletion(token: token, result: result))
        workers[worker].signal()
    }
}
