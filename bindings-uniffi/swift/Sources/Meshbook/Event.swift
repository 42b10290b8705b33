import Foundation
internal import MeshbookNative

/// What happens at a node. In JSON it is an object with a `type`, as with the command `meshbook`.
public enum Event: Hashable, Sendable {
    /// A trade is confirmed, anybody's; `own` says whether an order of this node is a side of it.
    case trade(Trade, own: Bool)
    /// An own order changed; as it is now.
    case order(Order)
    /// The book changed: its best prices. At most one for each batch of changes.
    case book(bid: Decimal?, ask: Decimal?)
    /// A session with a peer is up.
    case peerConnected(peer: String, address: String)
    /// A session with a peer ended; `reason` is a stable label.
    case peerDisconnected(peer: String, reason: String)
    /// The reader fell behind by more than 1024 events, and so many are lost to it.
    case lagged(missed: Int)
    /// Something went wrong that a user should know; `code` is a stable label.
    case error(code: String, message: String)

    /// The kind as a word.
    public var type: String {
        switch self {
        case .trade: "trade"
        case .order: "order"
        case .book: "book"
        case .peerConnected: "peer:connected"
        case .peerDisconnected: "peer:disconnected"
        case .lagged: "lagged"
        case .error: "error"
        }
    }
}

extension Event: Codable {
    private enum Key: String, CodingKey {
        case type, trade, own, order, bid, ask, peer, address, reason, missed, code, message
    }

    /// Reads an object with a `type`. Throws a `DecodingError` for a type that is none of these.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        func text(_ key: Key) throws -> String { try values.decode(String.self, forKey: key) }
        func price(_ key: Key) throws -> Decimal? {
            try values.decodeIfPresent(DecimalString.self, forKey: key)?.wrappedValue
        }
        switch try text(.type) {
        case "trade":
            let trade = try values.decode(Trade.self, forKey: .trade)
            self = .trade(trade, own: try values.decode(Bool.self, forKey: .own))
        case "order": self = .order(try values.decode(Order.self, forKey: .order))
        case "book": self = .book(bid: try price(.bid), ask: try price(.ask))
        case "peer:connected": self = .peerConnected(peer: try text(.peer), address: try text(.address))
        case "peer:disconnected": self = .peerDisconnected(peer: try text(.peer), reason: try text(.reason))
        case "lagged": self = .lagged(missed: try values.decode(Int.self, forKey: .missed))
        case "error": self = .error(code: try text(.code), message: try text(.message))
        case let type:
            let why = "there is no event of the type \"\(type)\""
            throw DecodingError.dataCorruptedError(forKey: .type, in: values, debugDescription: why)
        }
    }

    /// Writes an object with a `type`.
    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: Key.self)
        try values.encode(type, forKey: .type)
        switch self {
        case .trade(let trade, let own):
            try values.encode(trade, forKey: .trade)
            try values.encode(own, forKey: .own)
        case .order(let order):
            try values.encode(order, forKey: .order)
        case .book(let bid, let ask):
            try values.encode(bid.map(DecimalString.init), forKey: .bid)
            try values.encode(ask.map(DecimalString.init), forKey: .ask)
        case .peerConnected(let peer, let address):
            try values.encode(peer, forKey: .peer)
            try values.encode(address, forKey: .address)
        case .peerDisconnected(let peer, let reason):
            try values.encode(peer, forKey: .peer)
            try values.encode(reason, forKey: .reason)
        case .lagged(let missed):
            try values.encode(missed, forKey: .missed)
        case .error(let code, let message):
            try values.encode(code, forKey: .code)
            try values.encode(message, forKey: .message)
        }
    }
}

extension Event {
    init(_ that: MeshbookNative.Event) throws {
        switch that {
        case .trade(let trade, let own): self = .trade(try Trade(trade), own: own)
        case .order(let order): self = .order(try Order(order))
        case .book(let bid, let ask): self = .book(bid: try bid.map(Decimal.of), ask: try ask.map(Decimal.of))
        case .peerConnected(let peer, let address): self = .peerConnected(peer: peer, address: address)
        case .peerDisconnected(let peer, let reason): self = .peerDisconnected(peer: peer, reason: reason)
        case .lagged(let missed): self = .lagged(missed: Int(clamping: missed))
        case .error(let code, let message): self = .error(code: code, message: message)
        }
    }
}

/// Fetches events from the library, several at a time.
actor EventSource {
    /// So many are fetched at once: fewer waits, and no long conversion.
    private static let batch: UInt32 = 16

    private let events: Events
    private var fetched: ArraySlice<MeshbookNative.Event> = []

    init(_ events: Events) {
        self.events = events
    }

    /// The events, one by one, until the node is closed or whoever reads them is cancelled. What waits, waits in the
    /// library, which has a bound.
    nonisolated var stream: AsyncStream<Event> {
        AsyncStream(unfolding: { await self.next() })
    }

    private func next() async -> Event? {
        while fetched.isEmpty {
            let more = try? await cancellable { try await events.nextBatchUntil(limit: Self.batch, cancelled: $0) }
            // Meanwhile another reader may have fetched some, too.
            fetched += more ?? []
            if more?.isEmpty != false { break }
        }
        guard let event = fetched.popFirst() else { return nil }
        do {
            return try Event(event)
        } catch {
            return .error(code: "INEXACT_DECIMAL", message: "\(error)")
        }
    }
}
