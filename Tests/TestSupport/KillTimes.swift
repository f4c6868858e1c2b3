import Foundation

/// Random moments at which to kill a program so that most come before its end, however fast the machine is just now.
package struct KillTimes {
    private var random: SplitMix
    /// The moments lie before this one, in seconds after the start.
    private var bound: Double
    /// How many runs were killed.
    package private(set) var killed = 0

    /// - Parameter runTime: how long a run took, in seconds.
    package init(runTime: Double, seed: UInt64) {
        random = SplitMix(state: seed)
        bound = 1.1 * runTime
    }

    /// Kills `running` at the next moment and waits for its end. When that comes too late, later moments come earlier.
    package mutating func kill(_ running: RunningTool) throws {
        usleep(UInt32(Double.random(in: 0...bound, using: &random) * 1e6))
        running.signal(SIGKILL)
        if try running.wait().status == -SIGKILL {
            killed += 1
            bound *= 1.05
        } else {
            bound *= 0.8
        }
    }
}
