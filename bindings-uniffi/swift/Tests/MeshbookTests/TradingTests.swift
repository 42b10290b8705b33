import Foundation
import Testing

@testable import Meshbook

@Suite(.serialized) struct TradingTests {
    @Test("An order is filled by another node, and both see the same trade")
    func trade() async throws {
        let maker = try quiet()
        try await opened(maker) {
            let taker = try quiet(maker) { $0.userId = "taker" }
            try await opened(taker) {
                let events = try taker.events()
                let offered = try await maker.placeSellOrder("1.5", at: 50000)
                #expect(offered.trades == [])
                #expect(offered.remainingOrder?.status == .pending)
                try await until("the offer", holds: { try taker.orderBook().bestAsk != nil })
                let bought = try await taker.placeBuyOrder(Decimal(string: "0.50")!, at: "50001")
                #expect(bought.trades.count == 1)
                let trade = try #require(bought.trades.first)
                #expect((trade.amount, trade.price) == (Decimal(string: "0.5")!, 50000))
                #expect((trade.buyOrderId, trade.sellOrderId) == (bought.orderId, offered.orderId))
                #expect(trade.takerSide == .buy)
                #expect(bought.remainingOrder == nil)
                let order = try #require(try taker.order(bought.orderId))
                #expect((order.status, order.userId, order.open) == (.filled, "taker", 0))
                try await until("the trade", holds: { try !maker.trades().isEmpty })
                #expect(try maker.trades() == [trade])
                #expect(try taker.trades() == [trade])
                let rest = try #require(try maker.orders().first)
                #expect((rest.filled, rest.open, rest.status) == (Decimal(string: "0.5")!, 1, .partial))
                let own = await events.first { $0.type == "trade" }
                #expect(own == .trade(trade, own: true))
                #expect(try maker.cancelOrder(offered.orderId))
                #expect(try !maker.cancelOrder(offered.orderId))
                #expect(try !maker.cancelOrder(bought.orderId))
                try await until("the end of the offer", holds: { try taker.orderBook().asks.isEmpty })
            }
        }
    }

    @Test("Orders of every kind do what their kind says")
    func kinds() async throws {
        let node = try quiet()
        try await opened(node) {
            try await node.placeSellOrder(1, at: 100)
            for (kind, amount, code) in [
                (TimeInForce.post, 1, "POST_ONLY_WOULD_TAKE"), (.fok, 2, "FILL_OR_KILL_NOT_ENOUGH"),
            ] {
                let refused = try await meshbookError {
                    try await node.placeBuyOrder(amount, at: 100, timeInForce: kind)
                }
                #expect((refused.kind, refused.code) == (.orderRefused, code))
            }
            let some = try await node.placeBuyOrder(3, at: 100, timeInForce: .ioc)
            #expect(some.trades.count == 1)
            #expect(some.remainingOrder == nil)
            try await node.placeBuyOrder(1, at: 90, lifetime: .seconds(3600))
            let market = try await node.placeMarketOrder(.sell, 1)
            #expect(market.trades.map(\.price) == [90])
            let wrong = try await meshbookError { try await node.placeOrder(.buy, "1.5x", at: 1) }
            #expect((wrong.kind, wrong.field) == (.invalidOrder, "amount"))
            #expect(try node.orders().isEmpty)
            #expect(try node.orderHistory().count == 4)
        }
    }

    @Test("Two processes trade, and a third one sees the same trade")
    func processes() async throws {
        let observer = try quiet()
        try await opened(observer) {
            let maker = try Maker(observer)
            let taker = try quiet { $0.bootstrapPeers = [maker.address] }
            try await opened(taker) {
                try await until("the offer", holds: { try taker.orderBook().bestAsk == 100 })
                let bought = try await taker.placeBuyOrder("0.75", at: 101)
                #expect(bought.trades.map(\.sellOrderId) == [maker.orderId])
                try await until("the trade", holds: { try observer.trades() == bought.trades })
            }
            #expect(try maker.child.ends().status == 0)
        }
    }

    @Test("What a node keeps is there after a restart, with its history")
    func restart() async throws {
        try await inFolder { folder in
            let node = try quiet { $0.dataDir = .folder("\(folder)/node") }
            var orderId = ""
            try await opened(node) {
                orderId = try await node.placeSellOrder(3, at: 100).orderId
                for _ in 0..<3 { try await node.placeBuyOrder(1, at: 100) }
            }
            let again = try quiet { $0.dataDir = .folder("\(folder)/node") }
            try await opened(again) {
                #expect(again.nodeId == node.nodeId)
                #expect(try again.order(orderId)?.status == .filled)
                func read(_ history: History) async throws -> [PastTrade] {
                    try await history.reduce(into: []) { $0.append($1) }
                }
                let past = try await read(again.history(own: true))
                #expect(past.map(\.ownSide) == [.both, .both, .both])
                #expect(try await read(again.history(newestFirst: true)) == past.reversed())
                let last = try #require(past.last).trade.time
                let before = try await read(again.history(until: last))
                #expect(before == past.filter { $0.trade.time < last })
                #expect(try await before + read(again.history(since: last)) == past)
            }
        }
        let nothing = try quiet()
        try await opened(nothing) {
            let error = try await meshbookError { for try await _ in try nothing.history() {} }
            #expect((error.kind, error.code) == (.orderRefused, "NO_JOURNAL"))
        }
    }

    @Test("A history is read beyond one page")
    func pages() async throws {
        try await inFolder { folder in
            let node = try quiet { $0.dataDir = .folder(folder) }
            try await opened(node) {
                try await node.placeSellOrder(250, at: 100)
                for _ in 0..<250 { try await node.placeBuyOrder(1, at: 100) }
                var ids: Set<String> = []
                for try await past in try node.history() { ids.insert(past.trade.id) }
                let latest = try node.trades(limit: 250)
                #expect(ids == Set(latest.map(\.id)))
                #expect(ids.count == 250)
            }
        }
    }

    @Test("A node that is killed is told of, and its orders are not taken")
    func killed() async throws {
        let node = try quiet()
        try await opened(node) {
            let events = try node.events()
            let maker = try Maker(node)
            try await until("the offer", holds: { try node.orderBook().bestAsk == 100 })
            maker.child.signal(SIGKILL)
            for await case .peerDisconnected(let peer, _) in events {
                #expect(peer == maker.nodeId)
                break
            }
            #expect(try node.p2pStats().peers.connectedPeers == 0)
            // Nobody answers, so nothing is promised: the order rests.
            let bought = try await node.placeBuyOrder(1, at: 100)
            #expect(bought.trades == [])
            #expect(bought.remainingOrder != nil)
        }
    }

    @Test("Figures and peers say what is there")
    func figures() async throws {
        let one = try quiet()
        try await opened(one) {
            let two = try quiet(one)
            try await opened(two) {
                try await connected(one, two)
                let peer = try #require(try two.peers().first { $0.status == .connected })
                #expect((peer.nodeId, peer.address, peer.direction) == (one.nodeId, one.address, .outbound))
                #expect((peer.dialect, peer.source) == ("secured", .bootstrap))
                let stats = try two.p2pStats()
                #expect((stats.peers.outboundPeers, stats.peers.inboundPeers) == (1, 0))
                #expect(stats.directConnection.port == two.port)
                #expect(stats.directConnection.nodeId == two.nodeId)
                #expect(stats.discovery.isRunning && !stats.discovery.strategies.mdns)
                let again = try JSONDecoder().decode(P2pStats.self, from: JSONEncoder().encode(stats))
                #expect(again == stats)
                #expect(try two.counters().values.allSatisfy { $0 >= 0 })
                try two.discover()
            }
        }
        #expect(!one.isOpen)
        #expect(one.address == nil)
        #expect("\(one)" == "<ExchangeClient BTC/USD as \(one.userId)>")
    }
}
