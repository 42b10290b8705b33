import Foundation
import Testing

@testable import Meshbook

@Suite struct OrderBookTests {
    @Test("Orders match by price and then time, at the resting price")
    func pricesAndTimes() throws {
        let book = try OrderBook(pair: "BTC/USD")
        let late = try book.addOrder("ann", .sell, 1, at: 101)
        let first = try book.addOrder("bob", .sell, 1, at: 100)
        let second = try book.addOrder("cid", .sell, 1, at: 100)
        let taken = try book.addOrder("dan", .buy, "2.5", at: 200)
        #expect(taken.trades.map(\.sellOrderId) == [first.orderId, second.orderId, late.orderId])
        #expect(taken.trades.map(\.price) == [100, 100, 101])
        #expect(taken.trades.map(\.amount) == [1, 1, Decimal(string: "0.5")])
        #expect(taken.remainingOrder == nil)
        #expect(try book.trades() == taken.trades.reversed())
        #expect(Set(taken.trades.map(\.id)).count == 3)
        let asks = try book.orderBook().asks
        #expect(asks == [Level(price: 101, amount: Decimal(string: "0.5")!, count: 1)])
        #expect((book.orderCount, book.tradeCount) == (1, 3))
    }

    /// Copies as a program makes them when it passes its clients and books on.
    private struct Holder: Sendable {
        let client: ExchangeClient
        let book: OrderBook
    }

    /// Sees whether a client and a book are still there, and holds neither.
    private struct Watch {
        weak var client: ExchangeClient?
        weak var book: OrderBook?
    }

    @Test("A copy of a client or a book is the same one, and only the last holder frees it")
    func copiesAreTheSame() async throws {
        let watch = try await usedCopies()
        try await until("both are freed", holds: { watch.client == nil && watch.book == nil })
    }

    /// Copies values that hold a client and a book, uses the copies from many tasks, and drops them all.
    private func usedCopies() async throws -> Watch {
        let first = Holder(client: try quiet(), book: try OrderBook())
        var all = [Holder](repeating: first, count: 100)
        #expect(all.allSatisfy { $0.client === first.client && $0.book === first.book })
        try await withThrowingTaskGroup(of: Void.self) { group in
            for copy in all {
                group.addTask {
                    _ = try copy.book.addOrder("ann", .buy, 1, at: 100)
                    _ = try copy.client.orderBook()
                }
            }
            try await group.waitForAll()
        }
        while let last = all.popLast() {
            #expect(last.book.orderCount == 100)
        }
        #expect(try first.client.orderBook().bids.isEmpty)
        return Watch(client: first.client, book: first.book)
    }

    @Test("A cancelled order stays readable")
    func cancelled() async throws {
        let book = try OrderBook()
        let orderId = try book.addOrder("ann", .buy, 1, at: 100).orderId
        #expect(try book.userOrders("ann").map(\.id) == [orderId])
        #expect(try book.cancelOrder(orderId))
        #expect(try !book.cancelOrder(orderId))
        #expect(try book.order(orderId)?.status == .cancelled)
        #expect(try book.userOrders("ann").isEmpty)
        #expect(try book.order(String(repeating: "ab", count: 16)) == nil)
        let error = try await meshbookError { try book.cancelOrder("nonsense") }
        #expect((error.field, error.code, error.kind) == ("orderId", "INVALID_ARGUMENT", .invalidValue))
    }

    @Test("An order that is not allowed is named and changes nothing")
    func notAllowed() async throws {
        let book = try OrderBook(maxAmount: 10, maxPrice: 1000)
        let wrong: [(String, () throws -> Void)] = [
            ("userId", { try book.addOrder("ab", .buy, 1, at: 1) }),
            ("userId", { try book.addOrder("a b c", .buy, 1, at: 1) }),
            ("amount", { try book.addOrder("ann", .buy, 11, at: 1) }),
            ("price", { try book.addOrder("ann", .buy, 1, at: "1000.00000001") }),
            ("pair", { try book.addOrder("ann", .buy, 1, at: 1, pair: "ETH/USD") }),
        ]
        for (field, call) in wrong {
            let error = try await meshbookError { try call() }
            #expect((error.kind, error.field) == (.invalidOrder, field))
            #expect(error.message.hasPrefix(field))
            #expect(error.allowed.map(error.message.hasSuffix) == true)
        }
        #expect(book.orderCount == 0)
        for (field, call) in [
            ("pair", { _ = try OrderBook(pair: "BTCUSD") }), ("maxAmount", { _ = try OrderBook(maxAmount: 0) }),
        ] as [(String, () throws -> Void)] {
            let error = try await meshbookError { try call() }
            #expect((error.kind, error.field) == (.invalidOption, field))
            #expect(error.message.hasPrefix(field))
        }
    }

    @Test("The top of the book and its figures")
    func figures() throws {
        let book = try OrderBook()
        #expect(try book.bestPrices() == BestPrices(bid: nil, ask: nil, spread: nil))
        try book.addOrder("ann", .buy, 1, at: 99)
        try book.addOrder("ann", .buy, 1, at: 98)
        try book.addOrder("bob", .sell, 1, at: "101.5")
        let (ask, spread) = (Decimal(string: "101.5"), Decimal(string: "2.5"))
        #expect(try book.bestPrices() == BestPrices(bid: 99, ask: ask, spread: spread))
        #expect(try book.spread() == spread)
        let metrics = book.metrics()
        #expect((metrics.totalOrders, metrics.buyLevels, metrics.sellLevels) == (3, 2, 1))
        #expect(.zero < metrics.minLatency && metrics.minLatency <= metrics.averageLatency)
        #expect(metrics.averageLatency <= metrics.maxLatency)
        #expect("\(book)" == "<OrderBook BTC/USD 99/101.5, 3 orders>")
        #expect(try book.orderBook(depth: 1).bids.map(\.price) == [99])
    }

    @Test("Many tasks may use one book at once")
    func manyTasks() async throws {
        let book = try OrderBook()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for side in [Side.buy, .sell, .buy, .sell] {
                group.addTask {
                    for _ in 0..<250 { try book.addOrder("ann", side, 1, at: 100) }
                }
            }
            try await group.waitForAll()
        }
        #expect((book.orderCount, book.tradeCount) == (0, 500))
    }
}
