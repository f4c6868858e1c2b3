import CSanitizer
import Synchronization

/// Counts the bytes on the heap.
enum HeapUse {
    /// What metadata may take at most, in bytes: a conversion may take 128 MiB, of which 80 are for the engine's buffers
    /// and some for the program itself.
    static let limit = 40 << 20

    private static let current = Atomic(0)
    private static let highest = Atomic(0)

    /// Starts counting.
    static func observe() {
        // Globals are made before the first hook comes, for hooks must not allocate.
        current.store(0, ordering: .relaxed)
        highest.store(0, ordering: .relaxed)
        let status = unsafe __sanitizer_install_malloc_and_free_hooks(
            { _, size in
                let now = HeapUse.current.add(size, ordering: .relaxed).newValue
                HeapUse.highest.max(now, ordering: .relaxed)
            },
            { memory in
                guard unsafe memory != nil else { return }
                HeapUse.current.subtract(unsafe __sanitizer_get_allocated_size(memory), ordering: .relaxed)
            })
        precondition(status > 0, "the sanitizer takes no more hooks")
    }

    /// How many bytes more than now the heap has while `body` runs.
    static func peak<Failure: Error>(of body: () throws(Failure) -> Void) throws(Failure) -> Int {
        let start = current.load(ordering: .relaxed)
        highest.store(start, ordering: .relaxed)
        try body()
        return highest.load(ordering: .relaxed) - start
    }
}
