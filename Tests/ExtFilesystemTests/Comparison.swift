import Foundation

/// Whether bytes are the same. Unlike `==` in `#expect`, fast without optimisation, and not printed.
func same(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    first.count == second.count && memcmp(first, second, first.count) == 0
}
