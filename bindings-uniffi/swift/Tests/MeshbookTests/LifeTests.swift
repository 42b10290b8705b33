import Foundation
import Testing

@testable import Meshbook

@Suite(.serialized) struct LifeTests {
    @Test("A second client on a port is told that the port is taken")
    func portIsTaken() async throws {
        let first = try quiet()
        try await opened(first) {
            // The directory of the port is made before the port is found taken.
            defer { try? FileManager.default.removeItem(atPath: ".meshbook-\(first.port)") }
            // With nothing kept, with the directory of the port, and with a directory of its own.
            try await inFolder { folder in
                for dataDir in [Options.DataDir.nothing, .standard, .folder(folder)] {
                    let second = try quiet { ($0.port, $0.dataDir) = (first.port, dataDir) }
                    let error = try await meshbookError { try await second.open() }
                    #expect((error.kind, error.code) == (.addressInUse, "EADDRINUSE"))
                    #expect("\(error)" == "address 127.0.0.1:\(first.port) is in use")
                    await second.close()
                }
            }
        }
        let again = try quiet { ($0.port, $0.dataDir) = (first.port, .nothing) }
        let other = try quiet { ($0.port, $0.dataDir) = (first.port, .nothing) }
        async let one = outcome { try await again.open() }
        async let two = outcome { try await other.open() }
        #expect(await [one, two].compactMap { ($0 as? MeshbookError)?.kind } == [.addressInUse])
        let (open, refused) = again.isOpen ? (again, other) : (other, again)
        await open.close()
        // What failed may be tried again.
        try await opened(refused) {}
    }

    @Test("A directory in use is told where it is that, and so is an address that is none of this machine")
    func directoryIsInUse() async throws {
        try await inFolder { folder in
            let node = try quiet { $0.dataDir = .folder("\(folder)/node") }
            try await opened(node) {
                let second = try quiet { $0.dataDir = .folder("\(folder)/node") }
                let error = try await meshbookError { try await second.open() }
                #expect((error.kind, error.code) == (.storage, "DATA_DIR_IN_USE"))
            }
            try Data().write(to: URL(fileURLWithPath: "\(folder)/file"))
            let beneath = try quiet { $0.dataDir = .folder("\(folder)/file/node") }
            let error = try await meshbookError { try await beneath.open() }
            #expect(error.kind == .storage)
            let elsewhere = try quiet { $0.host = "203.0.113.1" }
            let refused = try await meshbookError { try await elsewhere.open() }
            #expect((refused.kind, refused.code) == (.start, "EADDRNOTAVAIL"))
        }
    }

    @Test("Calls before the start and after the end say so")
    func beforeAndAfter() async throws {
        let node = try quiet()
        let early = try await meshbookError { try await node.placeBuyOrder(1, at: 1) }
        #expect((early.kind, early.code) == (.notRunning, "NOT_INITIALIZED"))
        #expect("\(early)".contains("open()"))
        let id = String(repeating: "ab", count: 16)
        #expect(try await meshbookError { try node.cancelOrder(id) }.kind == .notRunning)
        #expect(try node.orderBook().bids.isEmpty)
        #expect((node.nodeId, node.isOpen) == (nil, false))
        try await node.open()
        try await node.open()
        let placed = try await node.placeBuyOrder(1, at: 1)
        await node.close()
        await node.close()
        let late = try await meshbookError { try await node.placeBuyOrder(1, at: 1) }
        #expect((late.kind, late.code) == (.notRunning, "SHUTTING_DOWN"))
        #expect(try await meshbookError { try await node.open() }.kind == .notRunning)
        #expect(try node.order(placed.orderId) != nil)
    }

    @Test("Closing ends the calls that wait with an error, and streams without one")
    func closingEndsCalls() async throws {
        let node = try quiet()
        try await opened(node) {
            let maker = try Maker(node)
            try await until("the offer", holds: { try node.orderBook().bestAsk == 100 })
            try await maker.freeze()
            let events = try node.events()
            let reading = Task { for await _ in events {} }
            let placing = Task { try await node.placeBuyOrder(1, at: 100) }
            try await until("the order", holds: { try !node.orders().isEmpty })
            await node.close()
            let error = try await meshbookError { _ = try await placing.value }
            #expect((error.kind, error.code) == (.notRunning, "SHUTTING_DOWN"))
            await reading.value
        }
    }

    @Test("Closing ends a start that is under way")
    func closingEndsAStart() async throws {
        try await inFolder { folder in
            let before = try threads()
            for turn in 0..<30 {
                let node = try quiet { $0.dataDir = .folder("\(folder)/node-\(turn % 3)") }
                let opening = Task { await outcome { try await node.open() } }
                for _ in 0..<turn { await Task.yield() }
                await node.close()
                let end = await opening.value
                #expect(end == nil || (end as? MeshbookError)?.kind == .notRunning)
                #expect(!node.isOpen)
            }
            try await until("no thread more", holds: { try threads() <= before })
        }
    }

    @Test("Cancelling a task cancels its call, and leaves the order that was placed")
    func cancelling() async throws {
        let node = try quiet()
        try await opened(node) {
            let maker = try Maker(node)
            try await until("the offer", holds: { try node.orderBook().bestAsk == 100 })
            try await maker.freeze()
            let placing = Task { try await node.placeBuyOrder(1, at: 100) }
            try await until("the order", holds: { try !node.orders().isEmpty })
            placing.cancel()
            await #expect(throws: CancellationError.self) { try await placing.value }
            // The call is gone, and the order is where the documentation says.
            #expect(try node.orders().map(\.price) == [100])
        }
    }

    @Test("A task that is cancelled already begins nothing")
    func cancelledBefore() async throws {
        let node = try quiet()
        let opening = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await node.open()
        }
        await #expect(throws: CancellationError.self) { try await opening.value }
        #expect(!node.isOpen)
        try await opened(node) {
            let placing = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await node.placeBuyOrder(1, at: 100)
            }
            await #expect(throws: CancellationError.self) { try await placing.value }
            let orders = try node.orders()
            #expect(orders.isEmpty)
        }
    }

    @Test("A scope closes its client whether its work ends, throws or is cancelled")
    func scopes() async throws {
        struct Own: Error {}
        let node = try await ExchangeClient.with(quietOptions()) { node in
            #expect(node.isOpen)
            return node
        }
        #expect(!node.isOpen)
        let held = Held()
        await #expect(throws: Own.self) {
            try await ExchangeClient.with(quietOptions()) { node in
                await held.hold(node)
                throw Own()
            }
        }
        #expect(await held.node?.isOpen == false)
        let other = Held()
        let work = Task {
            try await ExchangeClient.with(quietOptions()) { node in
                await other.hold(node)
                try await Task.sleep(for: .seconds(3600))
            }
        }
        try await until("the start", holds: { await other.node != nil })
        work.cancel()
        await #expect(throws: CancellationError.self) { try await work.value }
        #expect(await other.node?.isOpen == false)
    }

    @Test("A client that nobody holds any more is closed with a goodbye")
    func forgottenClient() async throws {
        let node = try quiet()
        try await opened(node) {
            let events = try node.events()
            func forget() async throws {
                let other = try quiet(node)
                try await other.open()
                try await other.placeBuyOrder(1, at: 7)
                try await until("its order", holds: { try node.orderBook().bestBid == 7 })
            }
            try await forget()
            _ = await events.first { $0.type == "peer:disconnected" }
            // The order of a node that is gone without a goodbye would stand for longer than this.
            try await until("a goodbye", holds: { try node.orderBook().bids.isEmpty })
        }
    }

    @Test("A program that forgets to close ends by itself, with a goodbye", arguments: ["close", "forget"])
    func forgetfulProgram(ending: String) async throws {
        let node = try quiet()
        try await opened(node) {
            let maker = try Maker(node, ending: ending)
            try await until("its order", holds: { try node.orderBook().bestAsk == 100 })
            let events = try node.events()
            let end = try maker.child.ends()
            #expect((end.status, end.errors) == (0, ""))
            _ = await events.first { $0.type == "peer:disconnected" }
            try await until("a goodbye", holds: { try node.orderBook().asks.isEmpty })
        }
    }

    @Test("A hundred openings and closings leave no thread, no file and under 5 MiB")
    func nothingIsLeft() async throws {
        try await inFolder { folder in
            func once(_ number: Int) async throws {
                let node = try quiet { $0.dataDir = .folder("\(folder)/node") }
                try await opened(node) {
                    let peer = try quiet(node)
                    try await opened(peer) {
                        let reading = Task { for await _ in try peer.events() {} }
                        try await connected(peer)
                        #expect(try threads() > 0)
                        try await node.placeSellOrder(1, at: 100 + number)
                        try await until("the order", holds: { try peer.orderBook().bestAsk != nil })
                        reading.cancel()
                        try await reading.value
                    }
                }
            }
            let before = try threads()
            for number in 0..<20 { try await once(number) }
            try await until("no thread more", holds: { try threads() <= before })
            let (files, memory) = (try entries("/proc/self/fd"), try resident())
            for number in 0..<100 { try await once(number) }
            try await until("no thread more", holds: { try threads() <= before })
            #expect(try entries("/proc/self/fd") <= files)
            let grown = try resident() - memory
            #expect(grown < 5 << 20, "\(grown) bytes more")
        }
    }
}

/// What the work throws, if anything.
private func outcome(_ work: () async throws -> Void) async -> (any Error)? {
    do {
        try await work()
        return nil
    } catch {
        return error
    }
}

private actor Held {
    private(set) var node: ExchangeClient?

    func hold(_ node: ExchangeClient) {
        self.node = node
    }
}

private func entries(_ folder: String) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: folder).count
}

/// The threads of nodes; those that run Swift's tasks come and go as they like.
private func threads() throws -> Int {
    let tasks = "/proc/self/task"
    return try FileManager.default.contentsOfDirectory(atPath: tasks).count {
        let name = try? String(contentsOfFile: "\(tasks)/\($0)/comm", encoding: .utf8)
        return name?.hasPrefix("meshbook") == true
    }
}

/// Resident bytes.
private func resident() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
