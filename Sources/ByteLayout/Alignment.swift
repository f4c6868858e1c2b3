extension FixedWidthInteger where Self: UnsignedInteger {
    /// This value rounded down to a multiple of `alignment`, which must be a power of two.
    @inlinable
    package func alignedDown(to alignment: Self) -> Self {
        self & ~(alignment - 1)
    }

    /// This value rounded up to a multiple of `alignment`, which must be a power of two.
    /// Traps on overflow: callers have bounded untrusted values before.
    @inlinable
    package func alignedUp(to alignment: Self) -> Self {
        (self + (alignment - 1)) & ~(alignment - 1)
    }

    /// How many blocks of `size` it takes to hold this many; no intermediate overflow.
    @inlinable
    package func dividedUp(by size: Self) -> Self {
        self / size + (self % size == 0 ? 0 : 1)
    }

    /// True for 1, 2, 4, 8, …
    @inlinable
    package var isPowerOfTwo: Bool {
        nonzeroBitCount == 1
    }
}

extension Int {
    /// This length, not negative, rounded down to a multiple of `alignment`, a power of two.
    @inlinable
    package func alignedDown(to alignment: Int) -> Int {
        self & ~(alignment - 1)
    }

    /// This length, not negative, rounded up to a multiple of `alignment`, a power of two.
    @inlinable
    package func alignedUp(to alignment: Int) -> Int {
        (self + (alignment - 1)) & ~(alignment - 1)
    }
}
