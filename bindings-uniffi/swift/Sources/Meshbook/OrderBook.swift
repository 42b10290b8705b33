import Foundation
internal import MeshbookNative

/// An order book with price-time priority; a trade has the resting order's price.
///
/// ```swift
/// let book = try OrderBook(pair: "BTC/USD")
/// try book.addOrder("ann", .sell, "1", at: "50000")
/// try book.addOrder("bob", .buy, "0.4", at: "50100").trades  // one, at 50000
/// ```
///
/// It is apart from every node, and may be used from several threads. It holds at most 1000000 open orders, and
/// remembers the last 10000 closed ones and the last 10000 trades.
public final class OrderBook: Sendable {
    private let book: MeshbookNative.OrderBook

    /// An empty book. Throws a ``MeshbookError`` of the kind `invalidOption` for what is not allowed.
    public init(
        pair: String = "BTC/USD", maxAmount: some DecimalLike = 1_000_000, maxPrice: some DecimalLike = 1_000_000
    ) throws {
        book = try translating {
            try MeshbookNative.OrderBook(
                pair: pair, maxAmount: maxAmount.decimalText, maxPrice: maxPrice.decimalText)
        }
    }

    /// Takes an order in: it trades with the other side, and what is left of it rests.
    ///
    /// `pair` is only looked at: it must be the book's. Throws a ``MeshbookError`` of the kind `invalidOrder` for a
    /// value that is not allowed and `orderRefused` in a full book; nothing has changed then.
    @discardableResult
    public func addOrder(
        _ userId: String, _ side: Side, _ amount: some DecimalLike, at price: some DecimalLike, pair: String? = nil
    ) throws -> BookResult {
        let order = BookOrder(
            userId: userId, side: side.native, amount: amount.decimalText, price: price.decimalText, pair: pair)
        return try translating { try BookResult(book.addOrder(order: order)) }
    }

    /// Cancels an open order. False if it is closed already, or not in this book.
    @discardableResult
    public func cancelOrder(_ orderId: String) throws -> Bool {
        try translating { try book.cancelOrder(orderId: orderId) }
    }

    /// An order, open or remembered.
    public func order(_ orderId: String) throws -> Order? {
        try translating { try book.order(orderId: orderId).map(Order.init) }
    }

    /// The best `depth` levels of each side.
    public func orderBook(depth: Int = 10) throws -> BookSnapshot {
        try BookSnapshot(book.book(depth: try count(depth, "depth")))
    }

    /// The latest trades, newest first.
    public func trades(limit: Int = 50) throws -> [Trade] {
        try book.trades(limit: try count(limit, "limit")).map(Trade.init)
    }

    /// A user's open orders, newest first.
    public func userOrders(_ userId: String) throws -> [Order] {
        try translating { try book.userOrders(userId: userId).map(Order.init) }
    }

    /// The best price of each side, and the spread.
    public func bestPrices() throws -> BestPrices {
        let top = try orderBook(depth: 1)
        return BestPrices(bid: top.bestBid, ask: top.bestAsk, spread: top.spread)
    }

    /// The lowest ask less the highest bid, if there are both.
    public func spread() throws -> Decimal? {
        try book.spread().map(Decimal.of)
    }

    /// What the book has done so far.
    public func metrics() -> BookMetrics {
        BookMetrics(book.metrics())
    }

    /// What it trades.
    public var pair: String { book.pair() }

    /// How many orders are open.
    public var orderCount: Int { metrics().orderCount }

    /// How many trades are remembered.
    public var tradeCount: Int { metrics().tradeCount }
}

extension OrderBook: CustomStringConvertible {
    /// Its best prices, and how many orders are open.
    public var description: String {
        func shown(_ price: String?) -> String { price ?? "none" }
        return "<OrderBook \(pair) \(shown(book.bestBid()))/\(shown(book.bestAsk())), \(orderCount) orders>"
    }
}

/// What became of an order in an ``OrderBook``.
public struct BookResult: Codable, Hashable, Sendable {
    /// Its id.
    public var orderId: String
    /// Its trades, in the order in which they happened.
    public var trades: [Trade]
    /// The order, if a part of it is still open.
    public var remainingOrder: Order?
}

/// The top of a book.
public struct BestPrices: Hashable, Sendable {
    /// The highest bid.
    public var bid: Decimal?
    /// The lowest ask.
    public var ask: Decimal?
    /// The lowest ask less the highest bid.
    public var spread: Decimal?
}

/// What a book has done so far.
public struct BookMetrics: Codable, Hashable, Sendable {
    /// Orders that were ever taken.
    public var totalOrders: Int
    /// Trades that ever happened.
    public var totalTrades: Int
    /// How long taking an order took.
    public var averageLatency: Duration
    /// The longest.
    public var maxLatency: Duration
    /// The shortest.
    public var minLatency: Duration
    /// Open orders.
    public var orderCount: Int
    /// Trades that are remembered.
    public var tradeCount: Int
    /// Prices with bids.
    public var buyLevels: Int
    /// Prices with asks.
    public var sellLevels: Int
}

extension BookResult {
    fileprivate init(_ that: MeshbookNative.BookResult) throws {
        self.init(
            orderId: that.orderId, trades: try that.trades.map(Trade.init),
            remainingOrder: try that.remainingOrder.map(Order.init))
    }
}

extension BookMetrics {
    fileprivate init(_ that: MeshbookNative.BookMetrics) {
        self.init(
            totalOrders: Int(clamping: that.totalOrders), totalTrades: Int(clamping: that.totalTrades),
            averageLatency: .nanoseconds(Int64(clamping: that.averageLatency)),
            maxLatency: .nanoseconds(Int64(clamping: that.maxLatency)),
            minLatency: .nanoseconds(Int64(clamping: that.minLatency)), orderCount: Int(clamping: that.orderCount),
            tradeCount: Int(clamping: that.tradeCount), buyLevels: Int(clamping: that.buyLevels),
            sellLevels: Int(clamping: that.sellLevels))
    }
}
