import Foundation
internal import MeshbookNative

/// What a client can be told, all of it optional. An option outranks the environment variable named with it, which
/// outranks the default.
public struct Options: Hashable, Sendable {
    /// Where a node keeps its key, its orders and its peers.
    public enum DataDir: Hashable, Sendable, ExpressibleByStringLiteral {
        /// In the folder of `MESHBOOK_DATA_DIR`, if that is set; else in `.meshbook-<port>` of the current folder, and
        /// with port 0 nowhere.
        case standard
        /// In this folder.
        case folder(String)
        /// Nowhere: it is another node each time.
        case nothing

        /// A string is a folder.
        public init(stringLiteral value: String) {
            self = .folder(value)
        }
    }

    /// Which nodes it meets: nodes of different networks refuse each other.
    public struct Network: RawRepresentable, Hashable, Codable, Sendable {
        /// For trying things out; the default.
        public static let local = Network(rawValue: "local")
        /// For rehearsals.
        public static let testnet = Network(rawValue: "testnet")
        /// In earnest.
        public static let mainnet = Network(rawValue: "mainnet")

        /// A private network, of the nodes that are given the same name: 1 to 32 characters of `a-z 0-9 -`.
        /// The name keeps networks apart; it is no secret.
        public static func local(_ name: String) -> Network {
            Network(rawValue: "local:\(name)")
        }

        /// Its name, as settings and files have it.
        public let rawValue: String

        /// The network of this name. Whether there can be one is checked when a node is made.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }
    }

    /// When the journal is flushed to the disk.
    public enum JournalSync: String, CaseIterable, Codable, Sendable {
        /// Before anybody hears of what is in it; the default.
        case always
        /// A few times a second.
        case interval
        /// When the system does so.
        case off
    }

    /// What becomes of plain peers.
    public enum Legacy: String, CaseIterable, Codable, Sendable {
        /// They are refused.
        case off
        /// What they send is shown as unsigned; the default.
        case observe
        /// All orders of this node trade with their unsigned ones.
        case match
    }

    /// What becomes of orders of one user that meet.
    public enum SelfTrade: String, CaseIterable, Codable, Sendable {
        /// They trade; the default.
        case allow
        /// They skip each other.
        case skip
        /// The newer one is cancelled.
        case cancelNewest = "cancel-newest"
    }

    /// What the node trades, like `BTC/USD`, the default. `EXCHANGE_PAIR`.
    public var pair: String?
    /// The user of orders that name none; a random UUID by default. `USER_ID`.
    public var userId: String?
    /// Which nodes it meets. `NETWORK`.
    public var network: Network?
    /// Where it keeps its key, its orders and its peers. `MESHBOOK_DATA_DIR`.
    public var dataDir: DataDir
    /// When what is kept is flushed to the disk. `JOURNAL_SYNC`.
    public var journalSync: JournalSync?
    /// The address to listen on, `0.0.0.0` by default. `P2P_HOST`.
    public var host: String?
    /// The port to listen on, 3000 by default; 0 takes a free one. `P2P_PORT`.
    public var port: Int?
    /// Whether to have direct connections; without them the node is found at Grapes and reached by Grenache's RPC
    /// alone. `P2P_ENABLED`.
    public var p2pEnabled: Bool?
    /// Peers to dial, each as `host:port`. `BOOTSTRAP_PEERS`.
    public var bootstrapPeers: [String]?
    /// Whether to dial the network's well-known nodes; on `local` ports 3001 to 3005 of this machine.
    /// `USE_WELL_KNOWN_NODES`.
    public var useWellKnownNodes: Bool?
    /// Find nodes on the local network, and be found. `DISCOVERY_MDNS`.
    public var enableMdns: Bool?
    /// Find nodes at a Grape, and be found. `DISCOVERY_GRENACHE`.
    public var enableGrenache: Bool?
    /// Grapes' HTTP APIs, tried in turn. `GRAPE_URL`.
    public var grapeUrl: [String]?
    /// Tell peers about peers, and believe them. `DISCOVERY_PEER_EXCHANGE`.
    public var enablePeerExchange: Bool?
    /// Announce the node in the BitTorrent DHT, and look others up. `DISCOVERY_DHT`.
    public var enableDht: Bool?
    /// Nodes of another DHT to begin with, each as `host:port`. `DHT_BOOTSTRAP`.
    public var dhtBootstrap: [String]?
    /// What becomes of plain peers. `P2P_LEGACY`.
    public var legacy: Legacy?
    /// The most peers, 50 by default. `MAX_PEERS`.
    public var maxPeers: Int?
    /// The longest pause until a known peer is dialed again, in ms. `PEER_RECONNECT_INTERVAL`.
    public var peerReconnectInterval: Int?
    /// The file of known peers; `.peers.json` in the data directory by default. `PEER_STORAGE_PATH`.
    public var peerStoragePath: String?
    /// The largest message that a peer may send. `MAX_MESSAGE_SIZE_KB`.
    public var maxMessageSizeKb: Int?
    /// Orders of one user that meet. `SELF_TRADE`.
    public var selfTrade: SelfTrade?
    /// The largest amount of an order. `MAX_ORDER_AMOUNT`.
    public var maxOrderAmount: Decimal?
    /// The highest price of an order. `MAX_ORDER_PRICE`.
    public var maxOrderPrice: Decimal?
    /// Refuse orders that come faster than the next two say. `ENABLE_RATE_LIMIT`.
    public var enableRateLimit: Bool?
    /// `MAX_ORDERS_PER_SECOND`.
    public var maxOrdersPerSecond: Int?
    /// `MAX_ORDERS_PER_MINUTE`.
    public var maxOrdersPerMinute: Int?
    /// After so many failures in a row a Grape is left alone. `CIRCUIT_BREAKER_FAILURE_THRESHOLD`.
    public var circuitBreakerFailureThreshold: Int?
    /// For so long, in ms. `CIRCUIT_BREAKER_RESET_TIMEOUT_MS`.
    public var circuitBreakerResetTimeout: Int?

    /// Options of which all but these are left to the environment and the defaults.
    public init(
        pair: String? = nil, userId: String? = nil, network: Network? = nil, dataDir: DataDir = .standard,
        journalSync: JournalSync? = nil, host: String? = nil, port: Int? = nil, p2pEnabled: Bool? = nil,
        bootstrapPeers: [String]? = nil, useWellKnownNodes: Bool? = nil, enableMdns: Bool? = nil,
        enableGrenache: Bool? = nil, grapeUrl: [String]? = nil, enablePeerExchange: Bool? = nil,
        enableDht: Bool? = nil, dhtBootstrap: [String]? = nil, legacy: Legacy? = nil, maxPeers: Int? = nil,
        peerReconnectInterval: Int? = nil, peerStoragePath: String? = nil, maxMessageSizeKb: Int? = nil,
        selfTrade: SelfTrade? = nil, maxOrderAmount: Decimal? = nil, maxOrderPrice: Decimal? = nil,
        enableRateLimit: Bool? = nil, maxOrdersPerSecond: Int? = nil, maxOrdersPerMinute: Int? = nil,
        circuitBreakerFailureThreshold: Int? = nil, circuitBreakerResetTimeout: Int? = nil
    ) {
        self.pair = pair
        self.userId = userId
        self.network = network
        self.dataDir = dataDir
        self.journalSync = journalSync
        self.host = host
        self.port = port
        self.p2pEnabled = p2pEnabled
        self.bootstrapPeers = bootstrapPeers
        self.useWellKnownNodes = useWellKnownNodes
        self.enableMdns = enableMdns
        self.enableGrenache = enableGrenache
        self.grapeUrl = grapeUrl
        self.enablePeerExchange = enablePeerExchange
        self.enableDht = enableDht
        self.dhtBootstrap = dhtBootstrap
        self.legacy = legacy
        self.maxPeers = maxPeers
        self.peerReconnectInterval = peerReconnectInterval
        self.peerStoragePath = peerStoragePath
        self.maxMessageSizeKb = maxMessageSizeKb
        self.selfTrade = selfTrade
        self.maxOrderAmount = maxOrderAmount
        self.maxOrderPrice = maxOrderPrice
        self.enableRateLimit = enableRateLimit
        self.maxOrdersPerSecond = maxOrdersPerSecond
        self.maxOrdersPerMinute = maxOrdersPerMinute
        self.circuitBreakerFailureThreshold = circuitBreakerFailureThreshold
        self.circuitBreakerResetTimeout = circuitBreakerResetTimeout
    }
}

extension Options {
    /// The options as the library takes them, which checks the values.
    var native: NodeOptions {
        let given = settings.compactMap { option, name, value in
            value.map { Setting(name: name, value: $0, option: option) }
        }
        return NodeOptions(settings: given, storage: dataDir == .nothing ? .nothing : .standard)
    }

    /// Each option with its setting and, where it is given, its value as text.
    var settings: [(option: String, name: String, value: String?)] {
        [
            ("pair", "EXCHANGE_PAIR", pair),
            ("userId", "USER_ID", userId),
            ("network", "NETWORK", network?.rawValue),
            ("dataDir", "MESHBOOK_DATA_DIR", dataDir.path),
            ("journalSync", "JOURNAL_SYNC", journalSync?.rawValue),
            ("host", "P2P_HOST", host),
            ("port", "P2P_PORT", port?.description),
            ("p2pEnabled", "P2P_ENABLED", p2pEnabled?.description),
            ("bootstrapPeers", "BOOTSTRAP_PEERS", bootstrapPeers?.joined(separator: ",")),
            ("useWellKnownNodes", "USE_WELL_KNOWN_NODES", useWellKnownNodes?.description),
            ("enableMdns", "DISCOVERY_MDNS", enableMdns?.description),
            ("enableGrenache", "DISCOVERY_GRENACHE", enableGrenache?.description),
            ("grapeUrl", "GRAPE_URL", grapeUrl?.joined(separator: ",")),
            ("enablePeerExchange", "DISCOVERY_PEER_EXCHANGE", enablePeerExchange?.description),
            ("enableDht", "DISCOVERY_DHT", enableDht?.description),
            ("dhtBootstrap", "DHT_BOOTSTRAP", dhtBootstrap?.joined(separator: ",")),
            ("legacy", "P2P_LEGACY", legacy?.rawValue),
            ("maxPeers", "MAX_PEERS", maxPeers?.description),
            ("peerReconnectInterval", "PEER_RECONNECT_INTERVAL", peerReconnectInterval?.description),
            ("peerStoragePath", "PEER_STORAGE_PATH", peerStoragePath),
            ("maxMessageSizeKb", "MAX_MESSAGE_SIZE_KB", maxMessageSizeKb?.description),
            ("selfTrade", "SELF_TRADE", selfTrade?.rawValue),
            ("maxOrderAmount", "MAX_ORDER_AMOUNT", maxOrderAmount?.decimalText),
            ("maxOrderPrice", "MAX_ORDER_PRICE", maxOrderPrice?.decimalText),
            ("enableRateLimit", "ENABLE_RATE_LIMIT", enableRateLimit?.description),
            ("maxOrdersPerSecond", "MAX_ORDERS_PER_SECOND", maxOrdersPerSecond?.description),
            ("maxOrdersPerMinute", "MAX_ORDERS_PER_MINUTE", maxOrdersPerMinute?.description),
            (
                "circuitBreakerFailureThreshold", "CIRCUIT_BREAKER_FAILURE_THRESHOLD",
                circuitBreakerFailureThreshold?.description
            ),
            (
                "circuitBreakerResetTimeout", "CIRCUIT_BREAKER_RESET_TIMEOUT_MS",
                circuitBreakerResetTimeout?.description
            ),
        ]
    }
}

extension Options.DataDir {
    fileprivate var path: String? {
        switch self {
        case .folder(let path): path
        case .standard, .nothing: nil
        }
    }
}
