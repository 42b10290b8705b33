import Meshbook

try await ExchangeClient.with(Options(pair: "BTC/USD", port: 3000)) { node in
    let placed = try await node.placeSellOrder("1.5", at: "50000")
    print(placed.orderId, try node.orderBook().asks)
    for await event in try node.events() {
        print(event)
    }
}
