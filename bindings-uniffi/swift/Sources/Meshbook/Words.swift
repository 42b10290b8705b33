internal import MeshbookNative

/// Bid or ask.
public enum Side: String, CaseIterable, Codable, Sendable {
    /// A bid.
    case buy
    /// An ask.
    case sell
}

/// How long an order stands.
public enum TimeInForce: String, CaseIterable, Codable, Sendable {
    /// Until it is filled, cancelled or expired.
    case gtc
    /// What can't be filled at once is cancelled.
    case ioc
    /// Filled completely at once, or not at all.
    case fok
    /// Refused if it would take: it only makes.
    case post
}

/// How far an order has come.
public enum OrderStatus: String, CaseIterable, Codable, Sendable {
    /// Open, nothing filled yet.
    case pending
    /// Open, partly filled.
    case partial
    /// Filled completely.
    case filled
    /// Closed before it was filled completely: by its user, by its time in force, or expired.
    case cancelled
}

/// Which side of a trade was this node's own.
public enum OwnSide: String, CaseIterable, Codable, Sendable {
    /// It bought.
    case buy
    /// It sold.
    case sell
    /// Two users of this node traded.
    case both
}

extension Side {
    init(_ that: MeshbookNative.Side) {
        self =
            switch that {
            case .buy: .buy
            case .sell: .sell
            }
    }

    var native: MeshbookNative.Side {
        switch self {
        case .buy: .buy
        case .sell: .sell
        }
    }
}

extension TimeInForce {
    var native: MeshbookNative.TimeInForce {
        switch self {
        case .gtc: .gtc
        case .ioc: .ioc
        case .fok: .fok
        case .post: .post
        }
    }
}

extension OrderStatus {
    init(_ that: MeshbookNative.OrderStatus) {
        self =
            switch that {
            case .pending: .pending
            case .partial: .partial
            case .filled: .filled
            case .cancelled: .cancelled
            }
    }
}

extension OwnSide {
    init(_ that: MeshbookNative.OwnSide) {
        self =
            switch that {
            case .buy: .buy
            case .sell: .sell
            case .both: .both
            }
    }
}
