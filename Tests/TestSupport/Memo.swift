import Foundation

/// Values that many tests want and that take long to make: each is made once, by whoever asks first.
package final class Memo<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    /// Guarded by `lock`, which is held while a value is made: the others want to wait for it, not to make it too.
    private var values: [String: Value] = [:]

    package init() {}

    package func value(_ key: String, make: () throws -> Value) rethrows -> Value {
        lock.lock()
        defer { lock.unlock() }
        if let value = values[key] { return value }
        let value = try make()
        values[key] = value
        return value
    }
}
