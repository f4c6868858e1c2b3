import Glibc
import Synchronization
import V2VConvert

/// Turns SIGINT, SIGTERM and SIGHUP into an orderly end within a second.
///
/// The signals are blocked in every thread and taken by one that waits for them, so what they cause runs as ordinary
/// code: the conversion is cancelled, and if it does not end in time (a flush of the device can't be interrupted), the
/// temporary file is deleted and the process ends.
enum SignalGuard {
    private static let number = Atomic<Int32>(0)
    /// Yields when a signal arrives.
    private static let arrivals = AsyncStream.makeStream(of: Void.self)
    /// How long a cancelled conversion may take to end, in microseconds.
    private static let patience: UInt32 = 700_000

    /// The signal that arrived, if one did.
    static var received: Int32? {
        let signal = number.load(ordering: .acquiring)
        return signal == 0 ? nil : signal
    }

    /// Does `work`, and cancels it when a signal arrives.
    static func cancelling<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task { try await work() }
        let watch = Task { for await _ in arrivals.stream { task.cancel() } }
        defer { watch.cancel() }
        return try await task.value
    }

    /// Blocks the signals and starts the thread that waits for them. Must be called before any other thread starts.
    static func install() {
        // A write to a closed pipe, or beyond the limit of file sizes, is an error like any other.
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        // A signal that is ignored already (nohup, background jobs of scripts) stays ignored.
        for signal in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(signal) { unsafe sigaddset(&signals, signal) }
        unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
        let awaited = signals
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(signals: awaited))
        unsafe _ = pthread_create(
            &thread, nil,
            { argument in
                // Safe: the thread takes over the reference that is passed to it.
                if let argument = unsafe argument {
                    SignalGuard.wait(for: unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().signals)
                }
                return nil
            }, box.toOpaque())
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        unsafe sigaction(number, nil, &current)
        return unsafe unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self) == 1  // SIG_IGN
    }

    private final class Box {
        let signals: sigset_t
        init(signals: sigset_t) { self.signals = signals }
    }

    private static func wait(for signals: sigset_t) {
        var signals = signals
        var signal: Int32 = 0
        unsafe _ = sigwait(&signals, &signal)
        number.store(signal, ordering: .releasing)
        arrivals.continuation.yield()
        usleep(patience)
        Converter.removeUnfinishedOutputs()
        _exit(128 + signal)
    }
}
