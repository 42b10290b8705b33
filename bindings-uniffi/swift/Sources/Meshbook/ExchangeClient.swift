import Foundation
internal import MeshbookNative

/// A node of the exchange.
///
/// ```swift
/// let node = try ExchangeClient(Options(pair: "BTC/USD", port: 3000))
/// try await node.open()
/// try await node.placeBuyOrder("0.5", at: "50000")
/// await node.close()
/// ```
///
/// It runs on threads of its own. What waits is `async`, and reads answer at once. It may be used from every actor
/// and task. A client is opened and closed once; one that is forgotten is closed when nobody holds it any more, or at
/// the end of the process.
public final class ExchangeClient: Sendable {
    private let node: Node

    /// A client that does nothing yet.
    ///
    /// Throws a ``MeshbookError`` of the kind `invalidOption` for a value that is not allowed.
    public init(_ options: Options = Options()) throws {
        node = try translating { try Node(options: options.native) }
    }

    deinit {
        OpenNodes.shared.remove(node)
    }

    /// Opens a client, does the work, and closes the client in any case.
    public static func with<Value: Sendable>(
        _ options: Options = Options(), isolation: isolated (any Actor)? = #isolation,
        _ work: (ExchangeClient) async throws -> Value
    ) async throws -> Value {
        let client = try ExchangeClient(options)
        do {
            try await client.open()
            let value = try await work(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// Takes the data directory, listens, and begins to look for peers. Once it is done further calls do nothing.
    /// Peers that can't be reached are no failure.
    ///
    /// Throws a ``MeshbookError`` of the kind `addressInUse` where somebody listens on the port already, `start` and
    /// `storage` for other reasons; it may be tried again then. Cancelled, it leaves nothing running.
    public func open() async throws {
        OpenNodes.shared.add(node)
        do {
            try await cancellable { try await node.openUntil(cancelled: $0) }
        } catch {
            if !isOpen {
                OpenNodes.shared.remove(node)
            }
            throw error
        }
    }

    /// Says goodbye to the peers, saves them, and ends everything that runs, within 6 s. Calls that wait end with an
    /// error of the kind `notRunning`, and streams of events end. What the node knew can still be read. Further calls
    /// do nothing.
    ///
    /// Where the task is cancelled it goes on to its end.
    public func close() async {
        // It fails in a forked process only, where there is nothing to close.
        try? await node.close()
        OpenNodes.shared.remove(node)
    }

    /// Places a limit order to buy; see ``placeOrder(_:_:at:timeInForce:userId:lifetime:)``.
    @discardableResult
    public func placeBuyOrder(
        _ amount: some DecimalLike, at price: some DecimalLike, timeInForce: TimeInForce = .gtc,
        userId: String? = nil, lifetime: Duration? = nil
    ) async throws -> OrderResult {
        try await placeOrder(
            .buy, amount, at: price, timeInForce: timeInForce, userId: userId, lifetime: lifetime)
    }

    /// Places a limit order to sell; see ``placeOrder(_:_:at:timeInForce:userId:lifetime:)``.
    @discardableResult
    public func placeSellOrder(
        _ amount: some DecimalLike, at price: some DecimalLike, timeInForce: TimeInForce = .gtc,
        userId: String? = nil, lifetime: Duration? = nil
    ) async throws -> OrderResult {
        try await placeOrder(
            .sell, amount, at: price, timeInForce: timeInForce, userId: userId, lifetime: lifetime)
    }

    /// Places a limit order, and answers when it is filled, closed or published, within about 5 s. What becomes of it
    /// later is told by ``events()``.
    ///
    /// `userId` is the client's own where absent; `lifetime` is how long it stands at most, 30 days where absent.
    ///
    /// Throws a ``MeshbookError`` of the kind `invalidOrder` for a value that is not allowed, `orderRefused` where the
    /// order is refused all the same, `storage` where nothing can be kept; nothing was placed then. One of the kind
    /// `notRunning` may also come for an order that was placed, if the client is closed meanwhile: a node that keeps
    /// nothing closes it, and one with a data directory goes on with it after its next start.
    ///
    /// Cancelling the task ends the call, and leaves the order if it was placed by then: it is in ``orders()``.
    @discardableResult
    public func placeOrder(
        _ side: Side, _ amount: some DecimalLike, at price: some DecimalLike, timeInForce: TimeInForce = .gtc,
        userId: String? = nil, lifetime: Duration? = nil
    ) async throws -> OrderResult {
        let kind = OrderKind.limit(price: price.decimalText)
        return try await place(side, amount, kind, timeInForce, userId, lifetime)
    }

    /// Places an order that trades at any price which the node's limits allow, and never rests. All that
    /// ``placeOrder(_:_:at:timeInForce:userId:lifetime:)`` says holds here, too.
    @discardableResult
    public func placeMarketOrder(
        _ side: Side, _ amount: some DecimalLike, timeInForce: TimeInForce = .ioc, userId: String? = nil
    ) async throws -> OrderResult {
        try await place(side, amount, .market, timeInForce, userId, nil)
    }

    /// Cancels an own order, which can't be taken from that moment on. False if it is closed already, or no order of
    /// this node.
    @discardableResult
    public func cancelOrder(_ orderId: String) throws -> Bool {
        try translating { try node.cancel(orderId: orderId) }
    }

    /// The best `depth` levels of each side.
    public func orderBook(depth: Int = 10) throws -> BookSnapshot {
        let depth = try count(depth, "depth")
        return try translating { try BookSnapshot(node.book(depth: depth)) }
    }

    /// This node's open orders, newest first.
    public func orders() throws -> [Order] {
        try translating { try node.orders().map(Order.init) }
    }

    /// One of this node's orders, open or remembered.
    public func order(_ orderId: String) throws -> Order? {
        try translating { try node.order(orderId: orderId).map(Order.init) }
    }

    /// All of this node's orders that it remembers, newest first: the open ones, and at most 10000 closed ones.
    public func orderHistory() throws -> [Order] {
        try translating { try node.orderHistory().map(Order.init) }
    }

    /// The latest trades of the pair, anybody's, newest first.
    public func trades(limit: Int = 50) throws -> [Trade] {
        let limit = try count(limit, "limit")
        return try translating { try node.trades(limit: limit).map(Trade.init) }
    }

    /// All trades of the pair that the node has in memory, newest first. ``history(since:until:own:newestFirst:)``
    /// reads beyond them.
    public func tradeHistory() throws -> [Trade] {
        try translating { try node.tradeHistory().map(Trade.init) }
    }

    /// All trades that the node keeps, out of its journal, page by page, oldest first; with `own` only those of its
    /// own orders. `since` is included and `until` is not, both to the millisecond.
    ///
    /// Reading them throws a ``MeshbookError`` of the kind `orderRefused` with the code `NO_JOURNAL` for a node that
    /// keeps nothing.
    public func history(
        since: Date? = nil, until: Date? = nil, own: Bool = false, newestFirst: Bool = false
    ) throws -> History {
        let since = try since.map { try milliseconds($0, "since") }
        let until = try until.map { try milliseconds($0, "until") }
        return History(node, since: since ?? 0, until: until, own: own, newestFirst: newestFirst)
    }

    /// Every known peer, connected ones first.
    public func peers() throws -> [Peer] {
        try translating { try node.peers().map(Peer.init) }
    }

    /// Looks for peers now instead of when it is time again. Returns at once.
    public func discover() throws {
        try translating { try node.discover() }
    }

    /// Figures of connections, discovery and queues.
    public func p2pStats() throws -> P2pStats {
        try translating { P2pStats(try node.stats()) }
    }

    /// Why things were refused, ignored or dropped: one number a reason.
    public func counters() throws -> [String: Int] {
        try translating { try node.counters().mapValues { Int(clamping: $0) } }
    }

    /// The events from now on, to be read by `for await` in one task. They may be asked for before ``open()``, to miss
    /// none. Who is more than 1024 behind gets a `lagged` in place of what it lost.
    ///
    /// The stream ends when the client is closed, and when the task that reads it is cancelled.
    public func events() throws -> AsyncStream<Event> {
        try translating { EventSource(try node.events()).stream }
    }

    /// This node's id, 64 hex digits; nothing before ``open()``.
    public var nodeId: String? { try? node.nodeId() }

    /// Where it listens for peers, as `host:port`; nothing while it doesn't.
    public var address: String? { try? node.p2pAddress() }

    /// The port that it listens on; before ``open()`` the one that it is to listen on.
    public var port: Int { (try? node.stats().directConnection.port).map(Int.init) ?? 0 }

    /// Whether it is open.
    public var isOpen: Bool { (try? node.isOpen()) ?? false }

    /// The folder in which it keeps its key, its orders and its peers; nothing if it keeps nothing.
    public var dataDir: String? { node.dataDir() }

    /// What it trades.
    public var pair: String { node.pair() }

    /// The user of orders that name none.
    public var userId: String { node.userId() }

    /// All settings that it has, by the names of their environment variables.
    public var settings: [String: String] { node.settings() }

    private func place(
        _ side: Side, _ amount: some DecimalLike, _ kind: OrderKind, _ timeInForce: TimeInForce, _ userId: String?,
        _ lifetime: Duration?
    ) async throws -> OrderResult {
        let order = NewOrder(
            side: side.native, amount: amount.decimalText, kind: kind, timeInForce: timeInForce.native,
            userId: userId, lifetime: try lifetime.map { try milliseconds($0, "lifetime") })
        return try await cancellable { try OrderResult(await node.placeUntil(order: order, cancelled: $0)) }
    }
}

extension ExchangeClient: CustomStringConvertible {
    /// What it trades, and for whom.
    public var description: String { "<ExchangeClient \(pair) as \(userId)>" }
}
