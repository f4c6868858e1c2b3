import Locking

/// What has become of the requests that make up a transfer.
final class NBDTransferParts: Sendable {
    private struct State {
        /// Requests that have not ended, and one more until all have begun.
        var pending = 1
        /// Bytes before the first request that has failed.
        var sound: Int
        /// Why that one has failed.
        var errno: Int32 = 0
    }

    private let state: Guarded<State>
    private let completion: NBDConnection.Completion

    /// - Parameters:
    ///   - length: bytes of the transfer.
    ///   - completion: told the bytes before the first failure, or, if there are none, the negated errno.
    init(length: Int, completion: @escaping NBDConnection.Completion) {
        state = Guarded(State(sound: length))
        self.completion = completion
    }

    /// A request is about to begin.
    func begins() {
        state.withLock { $0.pending += 1 }
    }

    /// The request for what is at `position` has ended; `errno` is 0 if it has succeeded.
    func ended(at position: Int, _ errno: Int32) {
        finish { state in
            guard errno != 0, position < state.sound else { return }
            state.sound = position
            state.errno = errno
        }
    }

    /// All requests have begun.
    func begun() {
        finish { _ in }
    }

    private func finish(_ change: (inout State) -> Void) {
        let result: Int32? = state.withLock { state in
            change(&state)
            state.pending -= 1
            guard state.pending == 0 else { return nil }
            return state.sound > 0 ? Int32(state.sound) : -state.errno
        }
        if let result { completion(result) }
    }
}
