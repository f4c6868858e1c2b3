import FoundationEssentials
import SystemPackage
import V2VConvert

/// Results for scripts, on standard output.
enum JSONOutput {
    static func print(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Terminal.result(String(decoding: try encoder.encode(value), as: UTF8.self) + "\n")
    }

    /// Prints an error as `{"error": {…}}`.
    static func print(_ error: ImageError) throws {
        struct Failure: Encodable {
            var code: String
            var message: String
            var advice: String?
            var path: String?
            var offset: UInt64?
            var errno: Int32?
            var exitStatus: Int32

            enum CodingKeys: String, CodingKey {
                case code, message, advice, path, offset, errno
                case exitStatus = "exit-status"
            }
        }
        let failure = Failure(
            code: error.code.rawValue, message: error.message, advice: error.advice, path: error.path,
            offset: error.offset, errno: error.errno?.rawValue,
            exitStatus: SignalGuard.received.map { 128 + $0 } ?? ExitStatus.of(error.code))
        try print(["error": failure])
    }

    /// One object on one line of standard error.
    static func errorLine(_ value: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        if let data = try? encoder.encode(value) { Terminal.error(String(decoding: data, as: UTF8.self)) }
    }
}
