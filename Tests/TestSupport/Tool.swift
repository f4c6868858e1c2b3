import Foundation

/// A command that is run to its end.
package struct Tool {
    package struct Result: Sendable {
        package var status: Int32
        package var output: String
        package var error: String
        /// Wall-clock seconds.
        package var seconds: Double
    }

    /// Where `swift build` put the products: beside the test runner.
    package static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// The command under test.
    package static let converter = products.appending(path: "v2v-convert").path
    /// The helper that refuses io_uring.
    package static let denyIOUring = products.appending(path: "deny-io-uring").path

    /// Runs `command`, looked up in PATH unless it is a path.
    @discardableResult
    package static func run(_ command: String, _ arguments: [String]) throws -> Result {
        let process = try start(command, arguments)
        return try process.wait()
    }

    /// Runs `command` and throws unless it succeeds.
    @discardableResult
    package static func check(_ command: String, _ arguments: [String]) throws -> String {
        let result = try run(command, arguments)
        guard result.status == 0 else {
            throw Failure(command: ([command] + arguments).joined(separator: " "), result: result)
        }
        return result.output
    }

    /// Runs the converter and tells its largest resident set in KiB and its processor time in seconds, by GNU time:
    /// measured from here the memory would include ours, from which the new process starts.
    package static func measure(_ arguments: [String]) throws -> (
        result: Result, peakMemory: Int, processorTime: Double
    ) {
        let file = NSTemporaryDirectory() + "/v2v-memory-" + UUID().uuidString
        defer { unlink(file) }
        let result = try run("time", ["-f", "%M %U %S", "-o", file, "--quiet", converter] + arguments)
        let text = String(decoding: try Data(contentsOf: URL(filePath: file)), as: UTF8.self)
        let figures = (text.split(separator: "\n").last ?? "").split(separator: " ").compactMap { Double($0) }
        guard figures.count == 3 else { throw Failure(command: "time", result: result) }
        return (result, Int(figures[0]), figures[1] + figures[2])
    }

    /// Starts `command` without waiting for it.
    package static func start(_ command: String, _ arguments: [String]) throws -> RunningTool {
        try RunningTool(command, arguments)
    }

    /// Whether a program ends within a second of a signal, with the status that says so. A machine that is busy with other
    /// tests may need several tries to show it.
    /// - Parameter start: starts the program and waits until it is in the middle of its work.
    package static func endsPromptly(_ signal: Int32, start: () throws -> RunningTool) throws -> Bool {
        for _ in 0..<5 {
            let running = try start()
            let sent = ContinuousClock().now
            running.signal(signal)
            let result = try running.wait()
            guard result.status == 128 + signal else { throw Failure(command: "signal \(signal)", result: result) }
            if sent.duration(to: ContinuousClock().now) < .seconds(1) { return true }
        }
        return false
    }

    package struct Failure: Error, CustomStringConvertible {
        package var command: String
        package var result: Result
        package var description: String { "\(command): status \(result.status)\n\(result.output)\(result.error)" }
    }
}

/// A command that is running. Its output goes to files, so that it never waits for us.
package final class RunningTool {
    package let identifier: pid_t
    private let outputFile: String
    private let errorFile: String
    private let start = ContinuousClock().now

    init(_ command: String, _ arguments: [String]) throws {
        let base = NSTemporaryDirectory() + "/v2v-tool-" + UUID().uuidString
        outputFile = base + ".out"
        errorFile = base + ".err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorFile, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var words: [UnsafeMutablePointer<CChar>?] = ([command] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, command, &actions, nil, &words, environ)
        guard status == 0 else {
            throw CocoaError(
                .executableNotLoadable, userInfo: [NSLocalizedDescriptionKey: "\(command): errno \(status)"])
        }
        identifier = pid
    }

    package func signal(_ number: Int32) {
        kill(identifier, number)
    }

    /// Waits for the end; a signal's number is negated in the status.
    package func wait() throws -> Tool.Result {
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) < 0 && errno == EINTR {}
        let elapsed = start.duration(to: ContinuousClock().now) / .seconds(1)
        defer {
            unlink(outputFile)
            unlink(errorFile)
        }
        let termination = status & 0x7F
        return Tool.Result(
            status: termination == 0 ? (status >> 8) & 0xFF : -termination,
            output: String(decoding: try contents(of: outputFile), as: UTF8.self),
            error: String(decoding: try contents(of: errorFile), as: UTF8.self),
            seconds: elapsed)
    }
}
