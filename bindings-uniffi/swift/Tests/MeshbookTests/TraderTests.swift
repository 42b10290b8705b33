import Foundation
import Testing

@testable import Meshbook

/// The example `examples/swift/trader`, as its users run it.
@Suite(.serialized) struct TraderTests {
    /// What keeps it from finding nodes that are none of ours.
    static let alone = [
        "P2P_HOST": "127.0.0.1", "USE_WELL_KNOWN_NODES": "false", "DISCOVERY_MDNS": "false",
        "DISCOVERY_GRENACHE": "false",
    ]

    private func trader(_ arguments: String...) throws -> Child {
        let path = try #require(ProcessInfo.processInfo.environment["MESHBOOK_TRADER"], "the suite names it")
        return try Child(path, arguments, environment: Self.alone)
    }

    @Test("It trades with another node, and tells what happens")
    func trades() async throws {
        let node = try quiet()
        try await opened(node) {
            let trader = try trader("--peer", try #require(node.address), "--user", "trader")
            #expect(try trader.line().hasPrefix("trading BTC/USD as trader at 127.0.0.1:"))
            #expect(try trader.line().hasPrefix("peer \(node.nodeId!.prefix(8)) at "))
            try trader.say("book")
            #expect(try trader.line() == "the book is empty")
            try trader.say("sell 1.5 50000")
            let placed = try trader.line()
            #expect(placed.wholeMatch(of: /order [0-9a-f]{32}: 1\.5 is open/) != nil, "\(placed)")
            try await until("the offer", holds: { try node.orderBook().bestAsk == 50000 })
            let bought = try await node.placeBuyOrder("0.5", at: 50000)
            #expect(bought.trades.count == 1)
            #expect(try trader.line() == "your order traded:  buy 0.5 at 50000, 25000 in all")
            try trader.say("orders")
            let orderId = bought.trades[0].sellOrderId
            #expect(try trader.line() == "  \(orderId) sell 1 of 1.5 at 50000")
            try trader.say("cancel \(orderId)")
            #expect(try trader.line() == "cancelled")
            try trader.say("trades")
            #expect(try trader.line() == "  buy 0.5 at 50000, 25000 in all")
            try trader.say("sell 1.5x 2")
            #expect(try trader.line().hasPrefix("amount \"1.5x\" is not allowed"))
            try trader.say("quit")
            let end = try trader.ends()
            #expect((end.status, end.errors) == (0, ""))
        }
    }

    @Test("With --json every answer is one line that the package's own types read")
    func json() async throws {
        let trader = try trader("--json")
        let decoder = JSONDecoder()
        func answer<Value: Decodable>(_ command: String? = nil) throws -> Value {
            if let command { try trader.say(command) }
            return try decoder.decode(Value.self, from: Data(try trader.line().utf8))
        }
        struct Ready: Decodable { let ready: Bool, nodeId: String, p2pAddress: String }
        let ready: Ready = try answer()
        #expect(ready.ready && ready.nodeId.count == 64)
        let sold: OrderResult = try answer("sell 2 100")
        let bought: OrderResult = try answer("buy 0.5")
        #expect(bought.trades.map(\.sellOrderId) == [sold.orderId])
        let trades: [Trade] = try answer("trades 5")
        #expect(trades == bought.trades)
        let book: BookSnapshot = try answer("book 1")
        #expect(book.asks.map(\.amount) == [Decimal(string: "1.5")])
        let orders: [Order] = try answer("orders")
        #expect(orders.map(\.id) == [sold.orderId])
        let peers: [Peer] = try answer("peers")
        #expect(peers == [])
        let refused: [String: MeshbookError] = try answer("sell 0 1")
        #expect(refused["error"]?.kind == .invalidOrder)
        let unknown: [String: [String: String]] = try answer("dance")
        #expect(unknown["error"]?["message"]?.contains("no command") == true)
        let cancelled: [String: Bool] = try answer("cancel \(sold.orderId)")
        #expect(cancelled == ["cancelled": true])
        #expect(try trader.ends().status == 0)
    }

    @Test("A mistake on the command line is one line that names it")
    func mistakes() throws {
        for (arguments, status, said) in [
            (["--port", "http"], 2, "error: --port \"http\" is not allowed: a whole number"),
            (["--port"], 2, "error: --port needs a value"),
            (["--prot", "1"], 2, "error: there is no argument --prot"),
            (["--port", "70000"], 1, "error: port \"70000\" is not allowed: "),
        ] {
            let path = try #require(ProcessInfo.processInfo.environment["MESHBOOK_TRADER"])
            let end = try Child(path, arguments, environment: Self.alone).ends()
            #expect(end.status == Int32(status) && end.lines == [])
            #expect(end.errors.hasPrefix(said), "\(end.errors)")
        }
        let help = try trader("--help").ends()
        #expect(help.status == 0 && help.lines.first?.hasPrefix("usage: trader") == true)
    }
}
