import Foundation
import Meshbook

try await ExchangeClient.with(Options(userId: "seller", port: 3000)) { node in
    let events = try node.events()
    let placed = try await node.placeSellOrder("1.5", at: "50000")
    print("offered", placed.orderId)
    fflush(nil)
    for await case .trade(let trade, own: true) in events {
        print("sold", trade.amount, "at", trade.price)
        break
    }
}
