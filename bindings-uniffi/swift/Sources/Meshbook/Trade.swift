import Foundation
internal import MeshbookNative

/// A trade. Both owners and everybody else see the same.
public struct Trade: Codable, Hashable, Identifiable, Sendable {
    /// 64 hex digits; the same on all nodes.
    public var id: String
    /// The bid.
    public var buyOrderId: String
    /// The ask.
    public var sellOrderId: String
    /// What changed hands.
    @DecimalString public var amount: Decimal
    /// The maker's price.
    @DecimalString public var price: Decimal
    /// When the maker filled it, in milliseconds since 1970.
    public var timestamp: Int
    /// The side of the order that took.
    public var takerSide: Side
    /// Traded with an order that nobody signed (option `legacy: .match`).
    public var unsigned: Bool

    /// A trade of these values; the node makes its own.
    public init(
        id: String, buyOrderId: String, sellOrderId: String, amount: Decimal, price: Decimal, timestamp: Int,
        takerSide: Side, unsigned: Bool = false
    ) {
        self.id = id
        self.buyOrderId = buyOrderId
        self.sellOrderId = sellOrderId
        self.amount = amount
        self.price = price
        self.timestamp = timestamp
        self.takerSide = takerSide
        self.unsigned = unsigned
    }

    /// When the maker filled it.
    public var time: Date { Date(milliseconds: timestamp) }
}

/// A trade out of the journal, and what only its node knows of it.
public struct PastTrade: Codable, Hashable, Sendable {
    /// The trade.
    public var trade: Trade
    /// What was traded.
    public var pair: String
    /// The side of this node's own order in it, if one was.
    public var ownSide: OwnSide?
}

extension Trade {
    init(_ that: MeshbookNative.Trade) throws {
        self.init(
            id: that.id, buyOrderId: that.buyOrderId, sellOrderId: that.sellOrderId, amount: try .of(that.amount),
            price: try .of(that.price), timestamp: Int(clamping: that.timestamp), takerSide: Side(that.takerSide),
            unsigned: that.unsigned)
    }
}

extension PastTrade {
    init(_ that: MeshbookNative.PastTrade) throws {
        self.init(trade: try Trade(that.trade), pair: that.pair, ownSide: that.ownSide.map(OwnSide.init))
    }
}
