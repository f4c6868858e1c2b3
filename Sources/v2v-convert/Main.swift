import ArgumentParser
import Dispatch
import Glibc
import V2VConvert

/// Parses, runs, reports, exits.
@main
struct Main {
    /// Not `async`: an asynchronous main turns the first thread into one that has every signal unblocked, and an
    /// interrupt would kill the process there.
    static func main() {
        SignalGuard.install()
        raiseDescriptorLimit()
        let ended = DispatchSemaphore(value: 0)
        Task.detached {
            exit(await run(Array(CommandLine.arguments.dropFirst())))
        }
        ended.wait()
    }

    /// A split disk of 2 TiB has more than a thousand files, the usual soft limit; the hard limit is ours to use.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        unsafe _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func run(_ arguments: [String]) async -> Int32 {
        // `convert` is what the tool does without a subcommand, so its options are what --help must show.
        let asksForHelp = arguments.first == "--help" || arguments.first == "-h"
        do {
            var command = try RootCommand.parseAsRoot(asksForHelp ? ["convert", "--help"] : arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            return ExitStatus.success
        } catch let error as ImageError {
            if let signal = SignalGuard.received { return 128 + signal }
            Terminal.error("v2v-convert: \(error)")
            return arguments.first == CheckCommand.name ? ExitStatus.unchecked : ExitStatus.of(error.code)
        } catch let status as ExitCode {
            return status.rawValue
        } catch {
            let message = RootCommand.fullMessage(for: error)
            let isSuccess = RootCommand.exitCode(for: error) == .success
            if !message.isEmpty { isSuccess ? print(message) : Terminal.error(message) }
            if isSuccess { return ExitStatus.success }
            if arguments.contains("--json") {
                try? JSONOutput.print(ImageError(.invalidOption, RootCommand.message(for: error)))
            }
            return arguments.first == CheckCommand.name ? ExitStatus.unchecked : ExitStatus.usage
        }
    }
}
