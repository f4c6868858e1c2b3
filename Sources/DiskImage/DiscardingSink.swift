/// Takes a writer's tables and keeps none: what the writer would make tells how large its files will be.
package final class DiscardingSink: OutputSink, Sendable {
    package init() {}

    package func reserve(_ file: Int, upTo size: UInt64) {}
    package func write(_ bytes: [UInt8], file: Int, at offset: HostOffset) {}
    package func writeZeros(at offset: HostOffset, length: UInt64) {}
    package func barrier() {}
}
