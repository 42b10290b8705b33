import Foundation
internal import MeshbookNative

/// The node's figures.
public struct P2pStats: Codable, Hashable, Sendable {
    /// Whether a Grape answered when it was last asked.
    public var hasGrenache: Bool
    /// Connections and traffic.
    public var peers: PeerStats
    /// Ways by which peers are found.
    public var discovery: DiscoveryStats
    /// Queues of the message router.
    public var router: RouterStats
    /// The listener.
    public var directConnection: DirectConnectionStats
}

/// Connections and traffic in all, since the start.
public struct PeerStats: Codable, Hashable, Sendable {
    /// Known peers, connected or not.
    public var totalPeers: Int
    /// Sessions that are up.
    public var connectedPeers: Int
    /// Sessions heard in the last 60 s.
    public var healthyPeers: Int
    /// Sessions that peers opened.
    public var inboundPeers: Int
    /// Sessions that this node opened.
    public var outboundPeers: Int
    /// Messages that came in.
    public var totalMessagesReceived: Int
    /// Messages that went out.
    public var totalMessagesSent: Int
    /// Bytes that came in.
    public var totalBytesReceived: Int
    /// Bytes that went out.
    public var totalBytesSent: Int
}

/// Ways by which peers are found.
public struct DiscoveryStats: Codable, Hashable, Sendable {
    /// Whether the node looks for peers.
    public var isRunning: Bool
    /// Which ways are on.
    public var strategies: DiscoveryStrategies
    /// How many bootstrap addresses are configured.
    public var bootstrapPeers: Int
}

/// Which ways of finding peers are on and running.
public struct DiscoveryStrategies: Codable, Hashable, Sendable {
    /// Multicast DNS on the local network.
    public var mdns: Bool
    /// Look-ups at Grapes, whether or not one answers.
    public var grenache: Bool
    /// Look-ups in a DHT, whether or not it answers.
    public var dht: Bool
    /// Lists that peers send.
    public var peerExchange: Bool
}

/// Queues of the message router.
public struct RouterStats: Codable, Hashable, Sendable {
    /// Messages that wait for their peer.
    public var queueSize: Int
    /// How many may wait.
    public var maxQueueSize: Int
    /// Messages remembered so that they are taken once.
    public var deduplicationCacheSize: Int
    /// Whether Grenache is a second way to peers.
    public var hasGrenache: Bool
}

/// The listener.
public struct DirectConnectionStats: Codable, Hashable, Sendable {
    /// This node's id; empty before the start.
    public var nodeId: String
    /// The address that it listens on.
    public var host: String
    /// The port that it listens on.
    public var port: Int
    /// Whether it listens.
    public var isRunning: Bool
    /// Sessions that are up.
    public var connections: Int
    /// Connections whose handshake is under way.
    public var pendingHandshakes: Int
}

extension P2pStats {
    init(_ that: MeshbookNative.P2pStats) {
        let ways = that.discovery.strategies
        let router = that.router
        let listener = that.directConnection
        self.init(
            hasGrenache: that.hasGrenache,
            peers: PeerStats(that.peers),
            discovery: DiscoveryStats(
                isRunning: that.discovery.isRunning,
                strategies: DiscoveryStrategies(
                    mdns: ways.mdns, grenache: ways.grenache, dht: ways.dht, peerExchange: ways.peerExchange),
                bootstrapPeers: Int(clamping: that.discovery.bootstrapPeers)),
            router: RouterStats(
                queueSize: Int(clamping: router.queueSize), maxQueueSize: Int(clamping: router.maxQueueSize),
                deduplicationCacheSize: Int(clamping: router.deduplicationCacheSize),
                hasGrenache: router.hasGrenache),
            directConnection: DirectConnectionStats(
                nodeId: listener.nodeId, host: listener.host, port: Int(listener.port), isRunning: listener.isRunning,
                connections: Int(clamping: listener.connections),
                pendingHandshakes: Int(clamping: listener.pendingHandshakes)))
    }
}

extension PeerStats {
    fileprivate init(_ that: MeshbookNative.PeerStats) {
        self.init(
            totalPeers: Int(clamping: that.totalPeers), connectedPeers: Int(clamping: that.connectedPeers),
            healthyPeers: Int(clamping: that.healthyPeers), inboundPeers: Int(clamping: that.inboundPeers),
            outboundPeers: Int(clamping: that.outboundPeers),
            totalMessagesReceived: Int(clamping: that.totalMessagesReceived),
            totalMessagesSent: Int(clamping: that.totalMessagesSent),
            totalBytesReceived: Int(clamping: that.totalBytesReceived),
            totalBytesSent: Int(clamping: that.totalBytesSent))
    }
}
