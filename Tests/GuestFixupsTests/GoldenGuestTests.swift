import DiskImage
import Foundation
import GuestFixups
import TestSupport
import Testing

/// What becomes of the guests in `Guests`, file by file: debugfs reads the files before and after, diff compares them.
@Suite struct GoldenGuestTests {
    @Test(arguments: GuestFile.all) func becomesWhatIsExpected(_ name: String) throws {
        let file = try GuestFile(name)
        let guest = try PhonyGuest(file.files, kernels: file.kernels, initramfsFiles: file.initramfsFiles)
        let work = try TemporaryDirectory()
        try guest.copyFiles(to: work.file("before"))
        let report = try fix(guest, file)
        try guest.copyFiles(to: work.file("after"))

        let outcome = try summary(report) + difference(guest, work)
        if file.expectation != outcome, ProcessInfo.processInfo.environment["KEEP_OUTCOMES"] != nil {
            try outcome.write(to: file.outcome, atomically: true, encoding: .utf8)
        }
        #expect(outcome == file.expectation)
        #expect(try guest.check().status == 0)

        // Once is enough.
        #expect(try fix(guest, file).changes.isEmpty)
    }

    private func fix(_ guest: PhonyGuest, _ file: GuestFile) throws -> FixupReport {
        try guest.fix {
            $0.adapters = file.adapters
            $0.bindings = file.bindings
            $0.interfaceNaming = file.naming
        }
    }

    private func summary(_ report: FixupReport) -> String {
        let notes = report.notes.map { "\($0.isProblem ? "problem" : "note"): \($0.code.rawValue): \($0.message)\n" }
        return notes.joined() + (report.isComplete ? "complete\n" : "incomplete\n")
    }

    /// What is new in an initramfs stands for it: modules by their names, other files as they are. Symbolic links become texts.
    private func difference(_ guest: PhonyGuest, _ work: TemporaryDirectory) throws -> String {
        for path in guest.kernels.compactMap(\.initramfs) {
            let after = work.file("after") + path
            if try contents(of: after) != contents(of: work.file("before") + path) {
                let added = work.file("added")
                try FileManager.default.createDirectory(atPath: added, withIntermediateDirectories: true)
                try guest.unpackAddition(after, of: path, as: "idm -D \(added)")
                try Tool.check("sh", ["-c", Self.listModules, "sh", added, "\(after).new"])
            }
            try Tool.check("rm", [after, work.file("before") + path])
        }
        let script = """
            cd "$1" && find before after -type l | while read -r f; do t=$(readlink "$f"); rm "$f"; echo "link to $t" > "$f"; done
            LC_ALL=C diff -U1 -rN before after | sed -E '/^diff /d; /^(---|\\+\\+\\+) /s/^(...) (before|after)(.*)\\t.*/\\1 \\3/; s/#{100,}/##…/'
            """
        return try Tool.check("sh", ["-c", script, "sh", work.path])
    }

    private static let listModules = """
        set -e
        cd "$1"; rm .v2v-convert
        find . -path '*/lib/modules/*' -name '*.ko*' | sed 's/.*\\///' | LC_ALL=C sort | paste -sd' ' > modules
        rm -rf lib usr/lib/modules; [ -s modules ] || rm modules
        cd ..; mv "$1" "$2"
        """
}
