import ArgumentParser

/// A count of bytes: a number, perhaps with a suffix k, M, G, T, P or E of powers of 1024, or hexadecimal
/// (`0x…`), as `qemu-img` takes it.
struct Size: ExpressibleByArgument {
    var bytes: Int

    init?(argument: String) {
        let suffixes: [Character: Int] = ["b": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50, "e": 60]
        if argument.hasPrefix("0x"), let number = Int(argument.dropFirst(2), radix: 16), number >= 0 {
            bytes = number
            return
        }
        var digits = Substring(argument)
        var shift = 0
        if let suffix = digits.last?.lowercased().first, let bits = suffixes[suffix] {
            shift = bits
            digits.removeLast()
        }
        guard let number = Int(digits), number >= 0, number <= Int.max >> shift else { return nil }
        bytes = number << shift
    }

    /// `bytes` for people: "3.4 GiB".
    static func text(_ bytes: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var value = Double(bytes)
        var unit = 0
        // From 1000 of a unit on the next one, as qemu-img prints.
        while value >= 1000, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        // Three significant digits.
        let decimals = unit == 0 || value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3
        let text = value.fixed(decimals)
        let trimmed = text.contains(".") ? text.trimmingTrailing("0").trimmingTrailing(".") : text
        return "\(trimmed) \(units[unit])"
    }
}

extension Double {
    /// The value, not negative, with `decimals` digits after the point.
    func fixed(_ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = UInt64((self * scale).rounded())
        guard decimals > 0 else { return String(scaled) }
        let fraction = String(scaled % UInt64(scale))
        return "\(scaled / UInt64(scale))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}

extension String {
    fileprivate func trimmingTrailing(_ character: Character) -> String {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}
