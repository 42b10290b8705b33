import Foundation
internal import MeshbookNative

/// One price of the book.
public struct Level: Codable, Hashable, Sendable {
    /// The price.
    @DecimalString public var price: Decimal
    /// What is open at this price, over all orders.
    @DecimalString public var amount: Decimal
    /// How many orders stand at this price.
    public var count: Int
    /// The part of `amount` that nobody signed (option `legacy: .match`).
    @DecimalString public var unsigned: Decimal

    /// A level of these values; the node makes its own.
    public init(price: Decimal, amount: Decimal, count: Int, unsigned: Decimal = 0) {
        self.price = price
        self.amount = amount
        self.count = count
        self.unsigned = unsigned
    }
}

/// The best levels of the book at one moment.
public struct BookSnapshot: Codable, Hashable, Sendable {
    /// What is traded.
    public var pair: String
    /// When it was taken, in milliseconds since 1970.
    public var timestamp: Int
    /// Highest price first.
    public var bids: [Level]
    /// Lowest price first.
    public var asks: [Level]

    /// A book of these values; the node makes its own.
    public init(pair: String, timestamp: Int, bids: [Level], asks: [Level]) {
        self.pair = pair
        self.timestamp = timestamp
        self.bids = bids
        self.asks = asks
    }

    /// The highest bid, if there is one.
    public var bestBid: Decimal? { bids.first?.price }

    /// The lowest ask, if there is one.
    public var bestAsk: Decimal? { asks.first?.price }

    /// The lowest ask less the highest bid, if there are both.
    public var spread: Decimal? {
        guard let bestBid, let bestAsk else { return nil }
        return bestAsk - bestBid
    }

    /// When it was taken.
    public var time: Date { Date(milliseconds: timestamp) }
}

extension Level {
    init(_ that: MeshbookNative.Level) throws {
        self.init(
            price: try .of(that.price), amount: try .of(that.amount), count: Int(clamping: that.count),
            unsigned: try .of(that.unsigned))
    }
}

extension BookSnapshot {
    init(_ that: MeshbookNative.BookSnapshot) throws {
        self.init(
            pair: that.pair, timestamp: Int(clamping: that.timestamp), bids: try that.bids.map(Level.init),
            asks: try that.asks.map(Level.init))
    }
}
