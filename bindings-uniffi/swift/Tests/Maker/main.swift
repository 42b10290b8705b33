// A node in a process of its own with one order in the book. It says where it is once the order stands, and ends at
// the end of its input: with `close` properly, with `forget` by the end of the program alone.

import Foundation
import Meshbook

let words = CommandLine.arguments
let node = try ExchangeClient(
    Options(
        host: "127.0.0.1", port: 0, bootstrapPeers: words.count > 2 ? [words[2]] : [], useWellKnownNodes: false,
        enableMdns: false, enableGrenache: false))
try await node.open()
let placed = try await node.placeSellOrder(1, at: 100)
print(node.nodeId ?? "", node.address ?? "", placed.orderId)
fflush(nil)
while readLine() != nil {}
if words[1] == "close" {
    await node.close()
}
