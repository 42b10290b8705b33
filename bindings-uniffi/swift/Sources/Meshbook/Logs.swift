import Foundation
internal import MeshbookNative

/// How much a log record matters.
public enum LogLevel: String, CaseIterable, Codable, Comparable, Sendable {
    /// Everything.
    case trace
    /// What helps to find a fault.
    case debug
    /// What an operator wants to know.
    case info
    /// What may need a hand.
    case warn
    /// What failed.
    case error

    /// Whether the left one matters less.
    public static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.rank < right.rank
    }

    private var rank: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .warn: 3
        case .error: 4
        }
    }
}

/// One thing that a node said.
public struct LogRecord: Codable, Hashable, Sendable {
    /// How much it matters.
    public var level: LogLevel
    /// Which module said it: `meshbook::client::driver`.
    public var target: String
    /// What it said.
    public var message: String
    /// About what.
    public var fields: [String: String]
    /// When, in milliseconds since 1970.
    public var timestamp: Int

    /// When.
    public var time: Date { Date(milliseconds: timestamp) }
}

/// The log of all nodes of this process.
public enum Logs {
    /// How many records wait for a reader that is slow; further ones are lost to it, and counted.
    public static let bound = 1024

    /// What the nodes say from now on, of this level and above; what libraries below them say from `warn` on. What
    /// nobody reads is not even made. Of what a slow reader loses a record of the level `warn` tells the number.
    public static func records(from level: LogLevel = .info) -> AsyncStream<LogRecord> {
        AsyncStream(bufferingPolicy: .bufferingOldest(bound)) { continuation in
            LogReader.shared.add(level, continuation)
        }
    }
}

/// A thread that fetches records while somebody wants them; nodes never wait for it.
final class LogReader: @unchecked Sendable {
    static let shared = LogReader()

    private struct Listener {
        let level: LogLevel
        let continuation: AsyncStream<LogRecord>.Continuation
        var lost: UInt64 = 0
    }

    private let logs = MeshbookNative.Logs()
    // The lock is held wherever the rest is touched, so it is sendable.
    private let lock = NSLock()
    private var listeners: [Int: Listener] = [:]
    private var next = 0
    private var isRunning = false

    /// Whether the thread is there.
    var isFetching: Bool { lock.withLock { isRunning } }

    fileprivate func add(_ level: LogLevel, _ continuation: AsyncStream<LogRecord>.Continuation) {
        let id = lock.withLock {
            next += 1
            listeners[next] = Listener(level: level, continuation: continuation)
            setLevel()
            if !isRunning {
                isRunning = true
                Thread.detachNewThread {
                    Thread.current.name = "meshbook-logs"
                    self.run()
                }
            }
            return next
        }
        continuation.onTermination = { _ in self.remove(id) }
    }

    private func remove(_ id: Int) {
        lock.withLock {
            listeners[id] = nil
            setLevel()
        }
        logs.wake()
    }

    /// What nobody would see is not fetched. The lock is held.
    private func setLevel() {
        logs.setLevel(level: listeners.values.map(\.level).min().map(\.native) ?? .off)
    }

    private func run() {
        while lock.withLock({
            isRunning = !listeners.isEmpty; return isRunning
        }) {
            let records = logs.wait(timeout: .max).map(LogRecord.init)
            let dropped = logs.takeDropped()
            lock.withLock {
                for id in listeners.keys {
                    listeners[id]?.lost += dropped
                }
                for record in records {
                    for (id, listener) in listeners where record.level >= listener.level {
                        hand(record, to: id)
                    }
                }
            }
        }
    }

    /// Gives a listener a record, and before it the number of those that it has lost. The lock is held.
    private func hand(_ record: LogRecord, to id: Int) {
        guard var listener = listeners[id] else { return }
        if listener.lost > 0, case .enqueued = listener.continuation.yield(.lost(listener.lost, record.timestamp)) {
            listener.lost = 0
        }
        if case .dropped = listener.continuation.yield(record) {
            listener.lost += 1
        }
        listeners[id] = listener
    }
}

extension LogRecord {
    fileprivate init(_ that: MeshbookNative.LogRecord) {
        let fields = that.fields.map { ($0.name, $0.value) }
        self.init(
            level: LogLevel(that.level), target: that.target, message: that.message,
            fields: Dictionary(fields) { _, last in last }, timestamp: Int(clamping: that.timestamp))
    }

    fileprivate static func lost(_ count: UInt64, _ timestamp: Int) -> LogRecord {
        let message = "\(count) log records were dropped: they came faster than they went"
        return LogRecord(level: .warn, target: "meshbook", message: message, fields: [:], timestamp: timestamp)
    }
}

extension LogLevel {
    fileprivate init(_ that: MeshbookNative.LogLevel) {
        self =
            switch that {
            case .off, .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            case .trace: .trace
            }
    }

    fileprivate var native: MeshbookNative.LogLevel {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .warn: .warn
        case .error: .error
        }
    }
}
