import Foundation
import Meshbook

/// Tells what happens, for people or for programs.
struct Output: Sendable {
    let isJSON: Bool

    private struct Ready: Encodable {
        let ready = true
        let nodeId: String?
        let p2pAddress: String?
    }

    func ready(_ node: ExchangeClient) {
        show(Ready(nodeId: node.nodeId, p2pAddress: node.address)) {
            "trading \(node.pair) as \(node.userId) at \(node.address ?? "no address")"
        }
    }

    func placed(_ result: OrderResult) {
        show(result) {
            let trades = result.trades.map(line)
            let open = result.remainingOrder.map { "\($0.open) is open" } ?? "nothing is open"
            return (trades + ["order \(result.orderId): \(open)"]).joined(separator: "\n")
        }
    }

    func cancelled(_ was: Bool) {
        show(["cancelled": was]) { was ? "cancelled" : "it is closed already, or none of this node" }
    }

    func book(_ book: BookSnapshot) {
        show(book) {
            let asks = book.asks.reversed().map { "  ask \($0.amount) at \($0.price)" }
            let bids = book.bids.map { "  bid \($0.amount) at \($0.price)" }
            let lines = asks + bids
            return lines.isEmpty ? "the book is empty" : lines.joined(separator: "\n")
        }
    }

    func orders(_ orders: [Order]) {
        show(orders) {
            let lines = orders.map { order in
                let price = order.price.map(\.description) ?? "market"
                return "  \(order.id) \(order.side) \(order.open) of \(order.amount) at \(price)"
            }
            return lines.isEmpty ? "no open orders" : lines.joined(separator: "\n")
        }
    }

    func trades(_ trades: [Trade]) {
        show(trades) {
            trades.isEmpty ? "no trades" : trades.map(line).joined(separator: "\n")
        }
    }

    func peers(_ peers: [Peer]) {
        show(peers) {
            let connected = peers.filter { $0.status == .connected }
            let lines = connected.map { "  \($0.nodeId ?? "unknown") \($0.address ?? "no address")" }
            return lines.isEmpty ? "no peers" : lines.joined(separator: "\n")
        }
    }

    func failed(_ error: MeshbookError) {
        show(["error": error]) { "\(error)" }
    }

    func failed(_ error: UsageError) {
        show(["error": ["message": error.description]]) { error.description }
    }

    /// For people only: programs ask.
    func happened(_ event: Event) {
        guard !isJSON else { return }
        switch event {
        case .trade(let trade, own: true): write("your order traded:\(line(trade))")
        case .peerConnected(let peer, let address): write("peer \(peer.prefix(8)) at \(address)")
        case .error(_, let message): write("trouble: \(message)")
        default: break
        }
    }

    private func line(_ trade: Trade) -> String {
        "  \(trade.takerSide) \(trade.amount) at \(trade.price), \(trade.amount * trade.price) in all"
    }

    private func show(_ value: some Encodable, _ text: () -> String) {
        write(isJSON ? json(value) : text())
    }

    /// At once, since whoever reads this may wait for it.
    private func write(_ lines: String) {
        FileHandle.standardOutput.write(Data("\(lines)\n".utf8))
    }

    private func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // It fails for numbers that JSON doesn't have, of which there are none here.
        let data = try? encoder.encode(value)
        return String(decoding: data ?? Data("null".utf8), as: UTF8.self)
    }
}
