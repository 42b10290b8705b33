internal import MeshbookNative

/// Trades out of a node's journal, to be read by `for try await`. Each reading begins anew.
public struct History: AsyncSequence, Sendable {
    /// So many trades are looked at in one step.
    private static let page: UInt32 = 100

    private let node: Node
    private let since: UInt64
    private let until: UInt64?
    private let own: Bool
    private let newestFirst: Bool

    init(_ node: Node, since: UInt64, until: UInt64?, own: Bool, newestFirst: Bool) {
        self.node = node
        self.since = since
        self.until = until
        self.own = own
        self.newestFirst = newestFirst
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(self)
    }

    /// One reading.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let history: History
        private var read: ArraySlice<PastTrade> = []
        private var at: String?
        private var isOver = false

        init(_ history: History) {
            self.history = history
        }

        /// The next trade, if there is one.
        public mutating func next() async throws -> PastTrade? {
            while read.isEmpty, !isOver {
                let page = try await history.page(at)
                read = try page.trades.map(PastTrade.init)[...]
                at = page.next
                isOver = at == nil
            }
            return read.popFirst()
        }
    }

    private func page(_ at: String?) async throws -> HistoryPage {
        let query = HistoryQuery(
            since: since, until: until, own: own, newestFirst: newestFirst, at: at, limit: Self.page)
        return try await cancellable { try await node.historyUntil(query: query, cancelled: $0) }
    }
}
