import Foundation
import Testing

@testable import Meshbook

@Suite(.serialized, .timeLimit(.minutes(2))) struct LogsTests {
    @Test("Records come with their level, their module, their fields and their time")
    func records() async throws {
        let before = Date(timeIntervalSinceNow: -1)
        let records = Logs.records(from: .info)
        let node = try quiet()
        try await opened(node) {}
        let started = await records.first { $0.message.hasPrefix("started") && $0.fields["node"] == node.nodeId }
        let record = try #require(started)
        #expect((record.level, record.target) == (.info, "meshbook::client::exchange_client"))
        #expect(before < record.time && record.time < Date(timeIntervalSinceNow: 1))
    }

    @Test("The thread that fetches records ends with the last reader")
    func ends() async throws {
        let reading = Task { for await _ in Logs.records(from: .error) {} }
        try await until("the thread", holds: { LogReader.shared.isFetching })
        reading.cancel()
        try await until("its end", holds: { !LogReader.shared.isFetching })
    }

    @Test("A slow reader holds up no node, and is told how much it lost")
    func slow() async throws {
        let idle = Logs.records(from: .trace)
        let (enough, told) = (Flag(), Flag())
        let counting = Task {
            var count = 0
            for await _ in Logs.records(from: .trace) {
                count += 1
                if count > Logs.bound + 100 { break }
            }
            await enough.set()
        }
        try await until("more than waits", holds: { try await talk(until: enough) })
        await counting.value
        let reading = Task {
            let lost = await idle.first {
                $0.message.hasSuffix("log records were dropped: they came faster than they went")
            }
            await told.set()
            return lost
        }
        try await until("the number", holds: { try await talk(until: told) })
        let lost = try #require(await reading.value)
        #expect((lost.level, lost.target) == (.warn, "meshbook"))
        let number = lost.message.prefix { $0.isNumber }
        #expect(try #require(Int(number)) > 0)
    }

    /// Lets a node say something; whether that was enough.
    private func talk(until flag: Flag) async throws -> Bool {
        try await opened(try quiet()) {}
        return await flag.isSet
    }
}

private actor Flag {
    private(set) var isSet = false

    func set() {
        isSet = true
    }
}
