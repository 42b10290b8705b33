import Foundation
import Testing

@testable import Meshbook

@Suite struct ValuesTests {
    static let order = Order(
        id: String(repeating: "0", count: 32), userId: "ann", side: .buy, amount: 2, filled: Decimal(string: "0.5")!,
        price: 3, status: .partial, timestamp: 1500, pair: "BTC/USD")

    @Test(
        "A decimal comes out as it went in",
        arguments: [
            ("1", "1"), ("1.50", "1.5"), ("0.00000001", "0.00000001"), ("100.000000", "100"),
            ("999999999999999.99999999", "999999999999999.99999999"),
        ])
    func comesOutAsItWentIn(text: String, same: String) throws {
        let book = try OrderBook(maxAmount: "999999999999999.99999999", maxPrice: "999999999999999.99999999")
        for value in [text, try #require(Decimal(string: text))] as [any DecimalLike] {
            func placed(_ value: some DecimalLike) throws -> Order? {
                try book.addOrder("ann", .buy, value, at: value).remainingOrder
            }
            let order = try #require(try placed(value))
            #expect(order.amount == Decimal(string: same))
            #expect(order.amount == order.price)
            #expect(order.amount.description == same)
        }
    }

    @Test(
        "A decimal that does not fit is an error, and never rounded",
        arguments: [
            "", "1e3", "-1", "1,5", "0.000000001", Decimal.nan, Decimal(sign: .plus, exponent: 127, significand: 1),
            Decimal(sign: .plus, exponent: -127, significand: 1), -1, 0,
            // A literal of this type goes through Double: 3.133 is 3.132999999999999488 then.
            3.133 as Decimal,
        ] as [any DecimalLike])
    func doesNotFit(value: any DecimalLike) async throws {
        let book = try OrderBook()
        let error = try await meshbookError {
            func place(_ value: some DecimalLike) throws { try book.addOrder("ann", .buy, value, at: 1) }
            try place(value)
        }
        #expect(error.kind == .invalidOrder)
        #expect(error.field == "amount")
        #expect(book.orderCount == 0)
    }

    @Test("A sum that a Decimal can't hold is an error, and never rounded")
    func sumsAreExact() throws {
        let most = String(repeating: "9", count: 38)
        #expect(try Decimal.of(most).description == most)
        #expect(throws: MeshbookError.self) { try Decimal.of("1234567890123456789012345678901234567890.12345678") }
        for text in ["", "1.5abc", "abc", "1e3", "0x10", "1.50", " 1"] {
            #expect(Decimal(exactly: text) == nil, "\(text)")
        }
    }

    @Test("Values survive JSON, in which decimals are strings")
    func surviveJSON() throws {
        let json = String(decoding: try JSONEncoder().encode(Self.order), as: UTF8.self)
        #expect(json.contains(#""filled":"0.5""#))
        #expect(try JSONDecoder().decode(Order.self, from: Data(json.utf8)) == Self.order)
        var market = Self.order
        market.price = nil
        let nothing = String(decoding: try JSONEncoder().encode(market), as: UTF8.self)
        #expect(nothing.contains(#""price":null"#))
        #expect(try JSONDecoder().decode(Order.self, from: Data(nothing.utf8)) == market)
        let trade = Trade(
            id: "ab", buyOrderId: "b", sellOrderId: "s", amount: 1, price: 9, timestamp: 1500, takerSide: .sell)
        let events: [Event] = [
            .trade(trade, own: true), .order(Self.order), .book(bid: 1, ask: nil),
            .peerConnected(peer: "p", address: "a"), .peerDisconnected(peer: "p", reason: "r"), .lagged(missed: 5),
            .error(code: "c", message: "m"),
        ]
        let again = try JSONDecoder().decode([Event].self, from: JSONEncoder().encode(events))
        #expect(again == events)
        #expect(Set(again).count == 7)
        #expect(Set(again.map(\.type)).count == 7)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Event.self, from: Data(#"{"type":"else"}"#.utf8))
        }
    }

    @Test(
        "JSON with a decimal that can't be held exactly, or that is a number, is refused",
        arguments: [#""1.5x""#, #""0.123456789012345678901234567890123456789012345""#, "1.5"])
    func inexactJSONIsRefused(decimal: String) throws {
        let json = #"{"price":"1","amount":\#(decimal),"count":1,"unsigned":"0"}"#
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Level.self, from: Data(json.utf8)) }
    }

    @Test("An order knows what is open and when it was placed")
    func knowsWhatIsOpen() throws {
        var order = Self.order
        #expect(order.open == Decimal(string: "1.5"))
        #expect(order.time == Date(timeIntervalSince1970: 1.5))
        order.status = .cancelled
        #expect(order.open == 0)
    }

    @Test("A book has its best prices and their spread")
    func bestPrices() throws {
        func level(_ price: Int) -> Level { Level(price: Decimal(price), amount: 1, count: 1) }
        let book = BookSnapshot(pair: "BTC/USD", timestamp: 0, bids: [level(9), level(8)], asks: [level(11)])
        #expect((book.bestBid, book.bestAsk, book.spread) == (9, 11, 2))
        let empty = BookSnapshot(pair: "BTC/USD", timestamp: 0, bids: [], asks: [])
        #expect(empty.bestBid == nil && empty.bestAsk == nil && empty.spread == nil)
    }

    @Test("Times and numbers that the library can't be given are named")
    func argumentsAreNamed() async throws {
        let node = try quiet()
        let wrong: [(String, () async throws -> Void)] = [
            ("depth", { _ = try node.orderBook(depth: -1) }),
            ("limit", { _ = try node.trades(limit: -1) }),
            ("since", { _ = try node.history(since: Date(timeIntervalSince1970: -1)) }),
            ("until", { _ = try node.history(until: .distantPast) }),
            ("lifetime", { try await node.placeBuyOrder(1, at: 1, lifetime: .zero) }),
            ("lifetime", { try await node.placeBuyOrder(1, at: 1, lifetime: .seconds(Int64.max)) }),
            ("orderId", { _ = try node.order("nonsense") }),
        ]
        for (field, call) in wrong {
            let error = try await meshbookError { try await call() }
            #expect((error.kind, error.field) == (.invalidValue, field))
            #expect("\(error)".hasPrefix(field))
        }
        #expect(try node.orderBook(depth: .max).bids.isEmpty)
    }
}
