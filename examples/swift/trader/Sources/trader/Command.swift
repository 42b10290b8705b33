import Meshbook

/// What the trader can be told.
enum Command: Equatable {
    case place(Side, String, String)
    case market(Side, String)
    case cancel(String)
    case book(Int)
    case orders
    case trades(Int)
    case peers
    case quit

    static let help = """
          buy AMOUNT [PRICE]     place an order; without a price at the market
          sell AMOUNT [PRICE]
          cancel ORDER_ID
          book [DEPTH]           the best prices
          orders                 this node's open orders
          trades [LIMIT]         the latest trades, anybody's
          peers                  who is connected
          quit
        """

    /// Reads a line. Amounts and prices stay as they are written: the node says whether they are allowed.
    init(_ line: String) throws {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        let arguments = words.dropFirst()
        switch (words.first ?? "", arguments.count) {
        case ("buy", 2), ("sell", 2):
            self = .place(words[0] == "buy" ? .buy : .sell, words[1], words[2])
        case ("buy", 1), ("sell", 1):
            self = .market(words[0] == "buy" ? .buy : .sell, words[1])
        case ("cancel", 1):
            self = .cancel(words[1])
        case ("book", 0...1):
            self = .book(try arguments.first.map { try number($0, "the depth") } ?? 10)
        case ("orders", 0):
            self = .orders
        case ("trades", 0...1):
            self = .trades(try arguments.first.map { try number($0, "the limit") } ?? 10)
        case ("peers", 0):
            self = .peers
        case ("quit", 0):
            self = .quit
        default:
            throw UsageError(description: "\"\(line)\" is no command; these are:\n\(Self.help)")
        }
    }
}
