import Meshbook

let options = Options(userId: "buyer", port: 3001, bootstrapPeers: ["127.0.0.1:3000"])
try await ExchangeClient.with(options) { node in
    while try node.orderBook().asks.isEmpty {
        try await Task.sleep(for: .milliseconds(100))
    }
    let bought = try await node.placeBuyOrder("0.5", at: "50000")
    for trade in bought.trades {
        print("bought", trade.amount, "at", trade.price, "for", trade.amount * trade.price)
    }
}
