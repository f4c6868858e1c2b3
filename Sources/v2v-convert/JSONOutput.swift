import FoundationEssentials
import SystemPackage
import V2VConvert

/// Results for scripts, on standard output.
enum JSONOutput {
    /// Prints `value`.
    /// - Parameter besideData: standard output has an image.
    static func print(_ value: some Encodable, besideData: Bool = false) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(value), as: UTF8.self)
        if besideData { Terminal.error(text) } else { try Terminal.result(text + "\n") }
    }

    /// Prints an error as `{"error": {…}}`.
    static func print(_ error: ImageError, besideData: Bool = false) throws {
        struct Failure: Encodable {
            var code: String
            var message: String
            var advice: String?
            var path: String?
            var offset: UInt64?
            var errno: Int32?
            var reason: String?
            var exitStatus: Int32

            enum CodingKeys: String, CodingKey {
                case code, message, advice, path, offset, errno, reason
                case exitStatus = "exit-status"
            }
        }
        let failure = Failure(
            code: error.code.rawValue, message: error.message, advice: error.advice, path: error.path,
            offset: error.offset, errno: error.errno?.rawValue, reason: error.errno?.description,
            exitStatus: SignalGuard.received.map { 128 + $0 } ?? ExitStatus.of(error.code))
        try print(["error": failure], besideData: besideData)
    }

    /// One object on one line of standard error.
    static func errorLine(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        if let data = try? encoder.encode(value) { Terminal.error(String(decoding: data, as: UTF8.self)) }
    }
}
