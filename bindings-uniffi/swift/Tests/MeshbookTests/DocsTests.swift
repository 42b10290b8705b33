import Foundation
import Testing

@testable import Meshbook

/// The page `docs/swift.md`: what it shows is what is compiled, and what it says is what happens.
@Suite(.serialized) struct DocsTests {
    static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let root = package.deletingLastPathComponent().deletingLastPathComponent()
    static let page = read(root.appendingPathComponent("docs/swift.md"))
    static let others = ["README.md", "bindings-uniffi/swift/README.md"].map { read(root.appendingPathComponent($0)) }

    private static func read(_ file: URL) -> String {
        (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }

    private static func blocks(_ language: String, of text: String = page) -> [String] {
        text.components(separatedBy: "\n```\(language)\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0] + "\n"
        }
    }

    /// What the page says that a program prints.
    private func shown(_ program: String) throws -> [String] {
        for block in Self.blocks("console") {
            var lines = block.split(separator: "\n").map(String.init)
            while !lines.isEmpty {
                if lines.removeFirst() == "$ swift run --package-path bindings-uniffi/swift \(program)" { return lines }
            }
        }
        throw NeverCame(what: "\(program) on the page")
    }

    @Test("Each program of the page, and of what leads to it, is a file that is built")
    func programsAreFiles() throws {
        let blocks = ([Self.page] + Self.others).flatMap { Self.blocks("swift", of: $0) }
        for block in blocks {
            let (name, text) = (block.prefix { $0 != "\n" }.dropFirst(3), block.drop { $0 != "\n" }.dropFirst())
            let file =
                name == "Package.swift"
                ? Self.root.appendingPathComponent("examples/swift/trader/Package.swift")
                : Self.package.appendingPathComponent("Snippets/\(name)")
            #expect(Self.read(file) == text, "\(name)")
        }
        #expect(blocks.count == 8)
    }

    @Test("The first trade is made as the page says")
    func firstTrade() async throws {
        try await inFolder { folder in
            let seller = try Child("seller", folder: folder)
            let offered = try seller.line()
            #expect(offered.wholeMatch(of: /offered [0-9a-f]{32}/) != nil)
            let buyer = try Child("buyer", folder: folder).ends()
            let expected = try shown("buyer")
            #expect(buyer.lines == expected)
            #expect((buyer.status, buyer.errors) == (0, ""))
            let end = try seller.ends()
            let page = try shown("seller")
            #expect(end.lines == Array(page.dropFirst()))
            #expect(page[0].wholeMatch(of: /offered [0-9a-f]{32}/) != nil)
            #expect((end.status, end.errors) == (0, ""))
            let kept = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(kept.sorted() == [".meshbook-3000", ".meshbook-3001"])
        }
    }

    @Test("The other programs of the page print what it says", arguments: ["install", "options", "book"])
    func otherPrograms(name: String) throws {
        let end = try Child(name).ends()
        let expected = try shown(name)
        #expect(end.lines == expected)
        #expect((end.status, end.errors) == (0, ""))
    }

    @Test("A program that prints the log prints it")
    func log() throws {
        let end = try Child("log").ends()
        #expect(end.status == 0 && end.lines.count == 1)
        #expect(end.lines[0].hasPrefix("info "))
    }

    @Test("The page names every kind of error, every event and every code")
    func names() throws {
        for kind in MeshbookError.Kind.allCases {
            #expect(Self.page.contains("`\(kind.rawValue)`"), "\(kind)")
        }
        for event in ["trade", "order", "book", "peerConnected", "peerDisconnected", "lagged", "error"] {
            #expect(Self.page.contains("`\(event)`"), "\(event)")
        }
        for file in ["client/error", "node/io", "storage/error"] {
            let text = Self.read(Self.root.appendingPathComponent("node-core/src/\(file).rs"))
            let codes = text.matches(of: /=> "([A-Z][A-Z_]{5,})",/).map { String($0.1) }
            #expect(!codes.isEmpty, "\(file)")
            // What no caller of this package can meet.
            for code in codes where !["UNKNOWN_ORDER", "ORDER_CLOSED", "JOURNAL_CLOSED"].contains(code) {
                #expect(Self.page.contains("`\(code)`"), "\(code)")
            }
        }
    }

    @Test("Every variable of the options is named with its option")
    func variables() throws {
        let source = Self.read(Self.package.appendingPathComponent("Sources/Meshbook/Options.swift"))
        let documented = Set(source.matches(of: /`([A-Z][A-Z0-9_]{4,})`/).map { String($0.1) })
        #expect(documented == Set(Options().settings.map(\.name)))
    }
}
