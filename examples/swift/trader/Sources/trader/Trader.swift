// A trader for the terminal: a node that does what it is told, line by line.
//
//   swift run trader --port 3001 --peer 127.0.0.1:3000
//   buy 0.5 50000

import Foundation
import Meshbook

@main
struct Trader {
    static func main() async {
        do {
            guard let arguments = try Arguments.read(CommandLine.arguments.dropFirst()) else {
                print(Arguments.help)
                return
            }
            let output = Output(isJSON: arguments.isJSON)
            try await ExchangeClient.with(arguments.options) { node in
                try await trade(node, output)
            }
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            exit(error is UsageError ? 2 : 1)
        }
    }

    /// Carries out the commands of the terminal, until there are no more.
    private static func trade(_ node: ExchangeClient, _ output: Output) async throws {
        let events = try node.events()
        output.ready(node)
        let watching = Task {
            for await event in events {
                output.happened(event)
            }
        }
        defer { watching.cancel() }
        for await line in inputLines() where !line.allSatisfy(\.isWhitespace) {
            do {
                let command = try Command(line)
                if command == .quit { break }
                try await carryOut(command, node, output)
            } catch let error as MeshbookError {
                output.failed(error)
            } catch let error as UsageError {
                output.failed(error)
            }
        }
    }

    private static func carryOut(_ command: Command, _ node: ExchangeClient, _ output: Output) async throws {
        switch command {
        case .place(let side, let amount, let price):
            output.placed(try await node.placeOrder(side, amount, at: price))
        case .market(let side, let amount):
            output.placed(try await node.placeMarketOrder(side, amount))
        case .cancel(let orderId):
            output.cancelled(try node.cancelOrder(orderId))
        case .book(let depth):
            output.book(try node.orderBook(depth: depth))
        case .orders:
            output.orders(try node.orders())
        case .trades(let limit):
            output.trades(try node.trades(limit: limit))
        case .peers:
            output.peers(try node.peers())
        case .quit:
            break
        }
    }
}

/// The lines of the standard input. A thread waits for them, so that no task has to.
private func inputLines() -> AsyncStream<String> {
    AsyncStream { continuation in
        Thread.detachNewThread {
            while let line = readLine() {
                continuation.yield(line)
            }
            continuation.finish()
        }
    }
}
