extension [UInt8] {
    /// The little-endian integer stored at `offset`, at any alignment.
    ///
    /// The access is bounds-checked: reading past the end is a bug of the caller, which validates lengths first.
    @inlinable
    package func littleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ type: Integer.Type, at offset: Int
    ) -> Integer {
        // Safe: bytes have no padding, an integer has no invalid bit patterns, and the load checks its bounds.
        Integer(littleEndian: unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    /// The big-endian integer stored at `offset`. Bounds-checked like ``littleEndian(_:at:)``.
    @inlinable
    package func bigEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ type: Integer.Type, at offset: Int
    ) -> Integer {
        // Safe: see `littleEndian`.
        Integer(bigEndian: unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Integer.self))
    }

    /// Stores `value` at `offset` in little-endian order; bounds-checked.
    @inlinable
    package mutating func storeLittleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ value: Integer, at offset: Int
    ) {
        store(value.littleEndian, at: offset)
    }

    /// Stores `value` at `offset` in big-endian order; bounds-checked.
    @inlinable
    package mutating func storeBigEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ value: Integer, at offset: Int
    ) {
        store(value.bigEndian, at: offset)
    }

    @inlinable
    mutating func store<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer, at offset: Int) {
        var span = mutableSpan
        // Safe: bytes have no padding that storing could disturb.
        var bytes = unsafe span.mutableBytes
        bytes.storeBytes(of: value, toByteOffset: offset, as: Integer.self)
    }
}
