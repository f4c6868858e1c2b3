import FuzzTargets
import Glibc

/// The parser under test, by the name in the environment.
private let target: FuzzTarget = {
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else { fatalError("FUZZ_TARGET=\"\(name)\" is no parser") }
    return target
}()

private let directory = FuzzDirectory()

/// libFuzzer's entry: reads one input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    do throws(Violation) {
        // Safe: libFuzzer passes the input with its length.
        try target.run(unsafe Array(UnsafeBufferPointer(start: data, count: size)), in: directory)
    } catch {
        fatalError("\(error)")
    }
    return 0
}
