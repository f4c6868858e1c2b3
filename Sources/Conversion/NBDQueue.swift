import DiskImage
import Glibc
import Locking
import NBD
import RingIO

/// A worker's queue whose transfers with exports go over connections, the others through the queue for files.
final class NBDQueue: IOQueue {
    private let local: any LocalQueue
    private let connections: [(export: ObjectIdentifier, connection: NBDConnection)]
    private let results: Results
    private let job: Job

    /// What has become of the requests. Connections that several workers share may bring them in any thread.
    private final class Results: Sendable {
        private let owner = pthread_self()
        private let wake: WakeEvent
        private let ended = Guarded([IOCompletion]())

        init(wake: WakeEvent) { self.wake = wake }

        func put(_ completion: IOCompletion) {
            ended.withLock { $0.append(completion) }
            if pthread_equal(owner, pthread_self()) == 0 { wake.signal() }
        }

        func take(into completions: inout [IOCompletion]) {
            completions += ended.withLock { ended in
                defer { ended.removeAll(keepingCapacity: true) }
                return ended
            }
        }
    }

    /// - Parameters:
    ///   - local: waits for `wake`.
    ///   - worker: the number of the worker, whose thread this is.
    init(local: any LocalQueue, exports: [NBDExport], worker: Int, wake: WakeEvent, job: Job) {
        self.local = local
        connections = exports.map { (ObjectIdentifier($0), $0.connection(forWorker: worker)) }
        results = Results(wake: wake)
        self.job = job
    }

    func register(_ memory: UnsafeMutableRawBufferPointer) {
        unsafe local.register(memory)
    }

    func submit(_ request: IORequest) {
        guard case .export(let export) = request.target else { return local.submit(request) }
        guard let connection = connections.first(where: { $0.export == export })?.connection else {
            preconditionFailure("a transfer with an unknown export")
        }
        let token = request.token
        unsafe connection.transfer(
            request.direction == .read ? .read : .write, at: request.offset, memory: request.memory
        ) { [results] in results.put(IOCompletion(token: token, result: $0)) }
    }

    func wait(_ completions: inout [IOCompletion]) {
        // A server that hangs must not keep a worker that is to stop.
        if job.isStopped { for (_, connection) in connections { connection.interrupt() } }
        results.take(into: &completions)
        guard completions.isEmpty else { return }
        let alive = connections.map(\.connection).filter(\.isAlive)
        var polled = alive.map(\.pollRequest)
        local.wait(&completions, watching: &polled)
        for (connection, request) in zip(alive, polled) where request.revents != 0 { connection.process() }
        results.take(into: &completions)
    }
}
