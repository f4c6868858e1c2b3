import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Every input that is kept in `Fuzz/corpus` goes through its parser again: seeds, and whatever once was a bug.
@Suite struct CorpusTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Fuzz/corpus").standardizedFileURL

    @Test(arguments: FuzzTarget.allCases)
    func everyInputIsReadOrRefused(target: FuzzTarget) throws {
        let folder = Self.corpus.appending(path: target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let directory = FuzzDirectory()
        #expect(!names.isEmpty)
        for name in names {
            let input = try contents(of: folder.appending(path: name).path)
            #expect(throws: Never.self, "\(target.rawValue)/\(name)") { try target.run(input, in: directory) }
        }
    }
}
