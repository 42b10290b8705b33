import Foundation
internal import MeshbookNative

/// A connected or known peer.
public struct Peer: Codable, Hashable, Sendable {
    /// Whether there is a connection to a peer.
    public enum Status: String, CaseIterable, Codable, Sendable {
        /// A session is up.
        case connected
        /// A dial is under way.
        case connecting
        /// Known, and to be dialed when its turn comes.
        case disconnected
    }

    /// Who opened a connection.
    public enum Direction: String, CaseIterable, Codable, Sendable {
        /// The peer dialed this node.
        case inbound
        /// This node dialed the peer.
        case outbound
    }

    /// How an address became known.
    public enum Source: String, CaseIterable, Codable, Sendable {
        /// Kept on disk from an earlier run.
        case persisted
        /// Configured.
        case bootstrap
        /// Found on the local network.
        case mdns
        /// Looked up at a Grape.
        case grenache
        /// Looked up in a DHT.
        case dht
        /// Told by a peer.
        case peerExchange = "peer_exchange"
        /// It connected to this node.
        case inbound
    }

    /// Who it is; absent while an address has never answered.
    public var nodeId: String?
    /// Where it can be dialed, if anywhere: `host:port`.
    public var address: String?
    /// Whether there is a connection.
    public var status: Status
    /// Who opened it.
    public var direction: Direction?
    /// `secured`, `seed` or `original`, while connected.
    public var dialect: String?
    /// Who named the address.
    public var source: Source
    /// When it last said anything, in milliseconds since 1970.
    public var lastSeen: Int?
    /// When its last heartbeat or heartbeat answer came, in milliseconds since 1970.
    public var lastHeartbeat: Int?
    /// Whether it is connected and was heard in the last 60 s.
    public var healthy: Bool
    /// Round-trip time of the last heartbeat in milliseconds.
    public var latency: Int?
    /// Dials that failed since one worked.
    public var failures: Int
    /// When it was dialed last, in milliseconds since 1970.
    public var lastTried: Int?
    /// What came of the last dial: `connected`, or the label of the failure.
    public var lastOutcome: String?
    /// 0 is neutral; failures and bad messages lower it, good sessions raise it.
    public var score: Int
    /// The version of its protocol.
    public var version: String
    /// Message families that it knows.
    public var supportedProtocols: [String]
    /// Traffic of the present connection.
    public var stats: TrafficStats
}

/// Messages and payload bytes in both directions.
public struct TrafficStats: Codable, Hashable, Sendable {
    /// Messages that came in.
    public var messagesReceived: Int
    /// Messages that went out.
    public var messagesSent: Int
    /// Bytes that came in.
    public var bytesReceived: Int
    /// Bytes that went out.
    public var bytesSent: Int
}

extension Peer {
    init(_ that: MeshbookNative.Peer) {
        self.init(
            nodeId: that.nodeId, address: that.address, status: Status(that.status),
            direction: that.direction.map(Direction.init), dialect: that.dialect, source: Source(that.source),
            lastSeen: that.lastSeen.map(Int.init(clamping:)),
            lastHeartbeat: that.lastHeartbeat.map(Int.init(clamping:)),
            healthy: that.healthy, latency: that.latency.map(Int.init(clamping:)), failures: Int(that.failures),
            lastTried: that.lastTried.map(Int.init(clamping:)), lastOutcome: that.lastOutcome, score: Int(that.score),
            version: that.version, supportedProtocols: that.supportedProtocols, stats: TrafficStats(that.stats))
    }
}

extension Peer.Status {
    init(_ that: PeerStatus) {
        self =
            switch that {
            case .connected: .connected
            case .connecting: .connecting
            case .disconnected: .disconnected
            }
    }
}

extension Peer.Direction {
    init(_ that: MeshbookNative.Direction) {
        self =
            switch that {
            case .inbound: .inbound
            case .outbound: .outbound
            }
    }
}

extension Peer.Source {
    init(_ that: PeerSource) {
        self =
            switch that {
            case .persisted: .persisted
            case .bootstrap: .bootstrap
            case .mdns: .mdns
            case .grenache: .grenache
            case .dht: .dht
            case .peerExchange: .peerExchange
            case .inbound: .inbound
            }
    }
}

extension TrafficStats {
    init(_ that: MeshbookNative.TrafficStats) {
        self.init(
            messagesReceived: Int(clamping: that.messagesReceived), messagesSent: Int(clamping: that.messagesSent),
            bytesReceived: Int(clamping: that.bytesReceived), bytesSent: Int(clamping: that.bytesSent))
    }
}
