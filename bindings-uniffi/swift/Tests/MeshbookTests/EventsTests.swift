import Foundation
import Testing

@testable import Meshbook

@Suite(.serialized, .timeLimit(.minutes(2))) struct EventsTests {
    @Test("Events that are asked for before the start miss none, and end with the client")
    func end() async throws {
        let node = try quiet()
        let events = try node.events()
        var placed = ""
        try await opened(node) { placed = try await node.placeSellOrder(1, at: 100).orderId }
        var orders: [String] = []
        for await event in events {
            if case .order(let order) = event { orders.append(order.id) }
        }
        #expect(Set(orders) == [placed])
        // A stream that has ended goes on being over, and so does one that is asked for later.
        for await event in events { Issue.record("\(event)") }
        for await event in try node.events() { Issue.record("\(event)") }
    }

    @Test("Who is more than 1024 behind is told what it lost")
    func lagged() async throws {
        let node = try quiet()
        try await opened(node) {
            let events = try node.events()
            for _ in 0..<700 {
                let placed = try await node.placeSellOrder(1, at: 100)
                try node.cancelOrder(placed.orderId)
            }
            let first = await events.first { _ in true }
            guard case .lagged(let missed) = first else {
                Issue.record("\(String(describing: first))")
                return
            }
            #expect(missed > 0)
            // What came last is still there.
            let last = try await node.placeSellOrder(1, at: 101)
            let found = await events.first {
                if case .order(let order) = $0 { order.id == last.orderId } else { false }
            }
            #expect(found != nil)
        }
    }

    @Test("Cancelling the task that reads ends the stream, and leaves the others alone")
    func cancelled() async throws {
        let node = try quiet()
        try await opened(node) {
            let (one, other) = (try node.events(), try node.events())
            let reading = Task {
                for await _ in one {}
                return Task.isCancelled
            }
            try await node.placeSellOrder(1, at: 100)
            reading.cancel()
            #expect(await reading.value)
            let placed = await other.first { $0.type == "order" }
            #expect(placed != nil)
        }
    }

    @Test("Calls that wait hold no thread")
    func waitWithoutThreads() async throws {
        let node = try quiet()
        try await opened(node) {
            // Far more than there are threads to run tasks on.
            let readers = try (0..<200).map { _ in
                let events = try node.events()
                return Task { await events.first { $0.type == "order" } }
            }
            let placed = try await node.placeSellOrder(1, at: 100)
            for reader in readers {
                guard case .order(let order) = await reader.value else {
                    Issue.record("no order")
                    continue
                }
                #expect(order.id == placed.orderId)
            }
        }
    }
}
