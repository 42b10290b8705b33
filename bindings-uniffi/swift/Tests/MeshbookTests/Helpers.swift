import Foundation
import Testing

@testable import Meshbook

/// How long a condition may take on a busy machine.
private let patience = Duration.seconds(60)

/// A client on a free port of the loopback, which dials these peers and finds no others.
func quiet(_ peers: ExchangeClient..., change: (inout Options) -> Void = { _ in }) throws -> ExchangeClient {
    var options = quietOptions()
    options.bootstrapPeers = peers.compactMap(\.address)
    change(&options)
    return try ExchangeClient(options)
}

/// Options of a client on a free port of the loopback, which finds nobody.
func quietOptions() -> Options {
    Options(host: "127.0.0.1", port: 0, useWellKnownNodes: false, enableMdns: false, enableGrenache: false)
}

/// Opens the clients, does the work and closes them in any case.
func opened(_ clients: ExchangeClient..., work: () async throws -> Void) async throws {
    func close() async {
        for client in clients { await client.close() }
    }
    do {
        for client in clients { try await client.open() }
        try await work()
    } catch {
        await close()
        throw error
    }
    await close()
}

struct NeverCame: Error {
    let what: String
}

/// Waits until the condition gives something, and gives that.
@discardableResult
func until<Value>(_ what: String, _ condition: () async throws -> Value?) async throws -> Value {
    let end = ContinuousClock.now + patience
    while true {
        if let value = try await condition() { return value }
        guard ContinuousClock.now < end else { throw NeverCame(what: what) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Waits until the condition holds.
func until(_ what: String, holds condition: () async throws -> Bool) async throws {
    try await until(what) { try await condition() ? true : nil }
}

/// Waits until each has a peer.
func connected(_ clients: ExchangeClient...) async throws {
    for client in clients {
        try await until("a peer", holds: { try client.p2pStats().peers.connectedPeers > 0 })
    }
}

/// The error of the package that the work throws.
func meshbookError(
    _ location: SourceLocation = #_sourceLocation, _ work: () async throws -> Void
) async throws -> MeshbookError {
    do {
        try await work()
    } catch let error as MeshbookError {
        return error
    }
    Issue.record("nothing was thrown", sourceLocation: location)
    throw NeverCame(what: "an error")
}

/// A folder that is deleted after the work.
func inFolder(_ work: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await work(folder.path)
}

/// Another process that was built beside the tests, which ends with this object at the latest.
final class Child {
    let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let errors = Pipe()
    private var read = Data()
    private let ending: DispatchWorkItem
    /// What `waitUntilExit` would wait for: on Linux it sometimes misses the end.
    private let ended = DispatchSemaphore(value: 0)

    init(_ program: String, _ arguments: [String] = [], folder: String? = nil, environment: [String: String] = [:])
        throws
    {
        let beside = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        process.executableURL =
            program.hasPrefix("/") ? URL(fileURLWithPath: program) : beside.appendingPathComponent(program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        // Or else processes that are started meanwhile have them too, and this one's input never ends.
        for handle in [input.fileHandleForWriting, output.fileHandleForReading, errors.fileHandleForReading] {
            _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
        }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        process.terminationHandler = { [ended] _ in ended.signal() }
        try process.run()
        // One that hangs is no reason to wait for it for ever.
        let started = process
        ending = DispatchWorkItem { started.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: ending)
    }

    deinit {
        ending.cancel()
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
    }

    /// The next line that it prints.
    func line() throws -> String {
        while true {
            if let end = read.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: read[read.startIndex..<end], as: UTF8.self)
                read.removeSubrange(read.startIndex...end)
                return line
            }
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw NeverCame(what: "a line of \(process.arguments ?? [])") }
            read += more
        }
    }

    func say(_ line: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data("\(line)\n".utf8))
    }

    /// Ends its input, and gives what it still printed, how it ended and what it complained of.
    func ends() throws -> (lines: [String], status: Int32, errors: String) {
        try? input.fileHandleForWriting.close()
        read += output.fileHandleForReading.readDataToEndOfFile()
        let said = errors.fileHandleForReading.readDataToEndOfFile()
        ended.wait()
        let lines = String(decoding: read, as: UTF8.self).split(separator: "\n").map(String.init)
        return (lines, process.terminationStatus, String(decoding: said, as: UTF8.self))
    }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }
}

/// A maker in a process of its own, and what it said.
struct Maker {
    let child: Child
    let nodeId: String
    let address: String
    let orderId: String

    init(_ peer: ExchangeClient? = nil, ending: String = "close") throws {
        child = try Child("Maker", [ending] + [peer?.address].compactMap { $0 })
        let words = try child.line().split(separator: " ").map(String.init)
        (nodeId, address, orderId) = (words[0], words[1], words[2])
    }

    /// Lets it stand still, with its order in the book: an order that meets it waits for an answer.
    func freeze() async throws {
        child.signal(SIGSTOP)
        let status = "/proc/\(child.process.processIdentifier)/status"
        try await until("all of it stands still") {
            let text = try String(contentsOfFile: status, encoding: .utf8)
            return text.contains("State:\tT") ? true : nil
        }
    }
}
