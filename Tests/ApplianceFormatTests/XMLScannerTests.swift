import Testing

@testable import ApplianceFormat

/// The part of XML 1.0 that descriptions of machines need, and nothing that could grow or lead elsewhere.
@Suite struct XMLScannerTests {
    private func events(_ text: String) throws -> [XMLScanner.Event] {
        var scanner = XMLScanner(Array(text.utf8))
        var events: [XMLScanner.Event] = []
        while let event = try scanner.next() { events.append(event) }
        return events
    }

    @Test func readsElementsAttributesAndText() throws {
        let text = """
            \u{FEFF}<?xml version="1.0"?>
            <!-- <not this> -->
            <a:root x:one = "1 &lt; 2"\ttwo='"&#x41;&#66;"'>
              text<![CDATA[<raw & data>]]><empty/>&amp;</a:root >
            <!-- end -->
            """
        #expect(
            try events(text) == [
                .start("root", ["one": "1 < 2", "two": "\"AB\""]), .text("\n  text"), .text("<raw & data>"),
                .start("empty", [:]), .end("empty"), .text("&"), .end("root"),
            ])
    }

    @Test(arguments: [
        "", "  ", "text", "<a>", "<a", "<a b>", "<a b=c></a>", "<a b=\"c></a>", "<a></b>", "<a/><b/>", "<a/>text",
        "<a>&none;</a>",
        "<a>&#0;</a>", "<a>&#x110000;</a>", "<a>&amp</a>", "<a b=\"1\"c=\"2\"/>", "<a b=\"<\"/>", "<a><!-- </a>",
        "<!DOCTYPE a><a/>", "<!DOCTYPE a [<!ENTITY e \"ee\">]><a>&e;</a>", "<a><![CDATA[ </a>", "<?xml <a/>", "< a/>",
    ])
    func refusesWhatIsNoXML(text: String) {
        #expect(throws: XMLScanner.Invalid.self) { try events(text) }
    }

    @Test func limitsDepthAndAttributes() throws {
        let deep = String(repeating: "<a>", count: 128) + String(repeating: "</a>", count: 128)
        #expect(try events(deep).count == 256)
        #expect(throws: XMLScanner.Invalid.self) { try events("<a>" + deep + "</a>") }
        let attributes = (0..<65).map { " a\($0)=\"\"" }.joined()
        #expect(throws: XMLScanner.Invalid.self) { try events("<a\(attributes)/>") }
    }
}
