import RingIO

/// A worker's queue whose writes go to a stream.
final class StreamQueue: IOQueue {
    private let reads: any IOQueue
    private let stream: OutputStream
    private let worker: Int

    init(reads: any IOQueue, stream: OutputStream, worker: Int) {
        self.reads = reads
        self.stream = stream
        self.worker = worker
    }

    func register(_ memory: UnsafeMutableRawBufferPointer) {
        unsafe reads.register(memory)
    }

    func submit(_ request: IORequest) {
        switch request.direction {
        case .read: reads.submit(request)
        case .write: stream.submit(request, of: worker)
        }
    }

    func wait(_ completions: inout [IOCompletion]) {
        reads.wait(&completions)
        stream.takeCompletions(of: worker, into: &completions)
    }
}
