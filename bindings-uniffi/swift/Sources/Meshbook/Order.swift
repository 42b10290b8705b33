import Foundation
internal import MeshbookNative

/// An order as its user sees it.
public struct Order: Codable, Hashable, Identifiable, Sendable {
    /// 32 hex digits; the same on all nodes.
    public var id: String
    /// The label of the user who placed it.
    public var userId: String
    /// Bid or ask.
    public var side: Side
    /// The whole amount, filled or not.
    @DecimalString public var amount: Decimal
    /// The part of `amount` that is filled.
    @DecimalString public var filled: Decimal
    /// The limit; nothing for a market order, which has none.
    public var price: Decimal?
    /// How far it has come.
    public var status: OrderStatus
    /// When it was placed, in milliseconds since 1970.
    public var timestamp: Int
    /// What it trades.
    public var pair: String

    /// An order of these values; the node makes its own.
    public init(
        id: String, userId: String, side: Side, amount: Decimal, filled: Decimal, price: Decimal?,
        status: OrderStatus, timestamp: Int, pair: String
    ) {
        self.id = id
        self.userId = userId
        self.side = side
        self.amount = amount
        self.filled = filled
        self.price = price
        self.status = status
        self.timestamp = timestamp
        self.pair = pair
    }

    private enum CodingKeys: String, CodingKey {
        case id, userId, side, amount, filled, price, status, timestamp, pair
    }

    /// Reads an order as the command `meshbook` writes it.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            id: try values.decode(String.self, forKey: .id),
            userId: try values.decode(String.self, forKey: .userId),
            side: try values.decode(Side.self, forKey: .side),
            amount: try values.decode(DecimalString.self, forKey: .amount).wrappedValue,
            filled: try values.decode(DecimalString.self, forKey: .filled).wrappedValue,
            price: try values.decodeIfPresent(DecimalString.self, forKey: .price)?.wrappedValue,
            status: try values.decode(OrderStatus.self, forKey: .status),
            timestamp: try values.decode(Int.self, forKey: .timestamp),
            pair: try values.decode(String.self, forKey: .pair))
    }

    /// Writes an order as the command `meshbook` does.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(id, forKey: .id)
        try values.encode(userId, forKey: .userId)
        try values.encode(side, forKey: .side)
        try values.encode(DecimalString(wrappedValue: amount), forKey: .amount)
        try values.encode(DecimalString(wrappedValue: filled), forKey: .filled)
        try values.encode(price.map(DecimalString.init), forKey: .price)
        try values.encode(status, forKey: .status)
        try values.encode(timestamp, forKey: .timestamp)
        try values.encode(pair, forKey: .pair)
    }

    /// The part of `amount` that can still be filled: 0 for a closed order.
    public var open: Decimal {
        switch status {
        case .pending, .partial: amount - filled
        case .filled, .cancelled: 0
        }
    }

    /// When it was placed.
    public var time: Date { Date(milliseconds: timestamp) }
}

/// To whom an order went at once. More peers get it from those.
public struct Distribution: Codable, Hashable, Sendable {
    /// Whether it went to at least one peer, or had no need to.
    public var success: Bool
    /// Ids of the peers that it was sent to.
    public var distributedTo: [String]
    /// Ids of connected peers whose queue was full.
    public var failedTo: [String]
}

/// What became of a new order by the time that it was filled, closed or published.
public struct OrderResult: Codable, Hashable, Sendable {
    /// The order's id.
    public var orderId: String
    /// Its confirmed trades so far, oldest first.
    public var trades: [Trade]
    /// The order, if a part of it is still open.
    public var remainingOrder: Order?
    /// To whom it went.
    public var distribution: Distribution
}

extension Date {
    init(milliseconds: Int) {
        self.init(timeIntervalSince1970: Double(milliseconds) / 1000)
    }
}

extension Order {
    init(_ that: MeshbookNative.Order) throws {
        self.init(
            id: that.id, userId: that.userId, side: Side(that.side), amount: try .of(that.amount),
            filled: try .of(that.filled), price: try that.price.map(Decimal.of), status: OrderStatus(that.status),
            timestamp: Int(clamping: that.timestamp), pair: that.pair)
    }
}

extension OrderResult {
    init(_ that: MeshbookNative.OrderResult) throws {
        let to = that.distribution
        self.init(
            orderId: that.orderId, trades: try that.trades.map(Trade.init),
            remainingOrder: try that.remainingOrder.map(Order.init),
            distribution: Distribution(success: to.success, distributedTo: to.distributedTo, failedTo: to.failedTo))
    }
}
