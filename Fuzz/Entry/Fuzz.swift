import FuzzTargets
import Glibc

/// The parser under test, by the name in the environment.
private let target: FuzzTarget = {
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else { fatalError("FUZZ_TARGET=\"\(name)\" is no parser") }
    HeapUse.observe()
    return target
}()

private let directory = FuzzDirectory()

/// libFuzzer's entry: reads one input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    // Safe: libFuzzer passes the input with its length.
    let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
    do throws(Violation) {
        let target = target
        let directory = directory
        let bytes = try HeapUse.peak { () throws(Violation) in try target.run(input, in: directory) }
        if bytes > HeapUse.limit { fatalError("reading takes \(bytes) bytes of memory") }
    } catch {
        fatalError("\(error)")
    }
    return 0
}
