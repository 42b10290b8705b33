import Meshbook

let book = try OrderBook(pair: "BTC/USD")
try book.addOrder("ann", .sell, "1", at: "50000")
let result = try book.addOrder("bob", .buy, "0.4", at: "50100")
print(result.trades[0].price, try book.orderBook().asks[0].amount)
