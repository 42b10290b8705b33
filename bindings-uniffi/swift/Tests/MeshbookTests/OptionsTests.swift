import Foundation
import MeshbookNative
import Testing

@testable import Meshbook

@Suite(.serialized) struct OptionsTests {
    /// Each option with a value that is not the default, and how the setting shows it.
    static let values: [(String, Options, String)] = [
        ("pair", Options(pair: "ETH/USD"), "ETH/USD"),
        ("userId", Options(userId: "ann"), "ann"),
        ("network", Options(network: .local("acme")), "local:acme"),
        ("dataDir", Options(dataDir: "here"), "here"),
        ("journalSync", Options(journalSync: .off), "off"),
        ("host", Options(host: "127.0.0.1"), "127.0.0.1"),
        ("port", Options(port: 4000), "4000"),
        ("p2pEnabled", Options(p2pEnabled: false), "false"),
        ("bootstrapPeers", Options(bootstrapPeers: ["127.0.0.1:1", "[::1]:2"]), "127.0.0.1:1,[::1]:2"),
        ("useWellKnownNodes", Options(useWellKnownNodes: false), "false"),
        ("enableMdns", Options(enableMdns: false), "false"),
        ("enableGrenache", Options(enableGrenache: false), "false"),
        ("grapeUrl", Options(grapeUrl: ["http://10.0.0.1:30001"]), "http://10.0.0.1:30001"),
        ("enablePeerExchange", Options(enablePeerExchange: false), "false"),
        ("enableDht", Options(enableDht: true), "true"),
        ("dhtBootstrap", Options(dhtBootstrap: ["127.0.0.1:20001"]), "127.0.0.1:20001"),
        ("legacy", Options(legacy: .off), "off"),
        ("maxPeers", Options(maxPeers: 5), "5"),
        ("peerReconnectInterval", Options(peerReconnectInterval: 1000), "1000"),
        ("peerStoragePath", Options(peerStoragePath: "peers.json"), "peers.json"),
        ("maxMessageSizeKb", Options(maxMessageSizeKb: 64), "64"),
        ("selfTrade", Options(selfTrade: .cancelNewest), "cancel-newest"),
        ("maxOrderAmount", Options(maxOrderAmount: 10), "10"),
        ("maxOrderPrice", Options(maxOrderPrice: Decimal(string: "0.5")), "0.5"),
        ("enableRateLimit", Options(enableRateLimit: true), "true"),
        ("maxOrdersPerSecond", Options(maxOrdersPerSecond: 1), "1"),
        ("maxOrdersPerMinute", Options(maxOrdersPerMinute: 2), "2"),
        ("circuitBreakerFailureThreshold", Options(circuitBreakerFailureThreshold: 4), "4"),
        ("circuitBreakerResetTimeout", Options(circuitBreakerResetTimeout: 5), "5"),
    ]

    @Test("Every option sets its setting")
    func setsItsSetting() throws {
        let options = Mirror(reflecting: Options()).children.compactMap(\.label)
        #expect(options == Options().settings.map(\.option))
        #expect(options == Self.values.map(\.0))
        let names = Dictionary(uniqueKeysWithValues: Options().settings.map { ($0.option, $0.name) })
        let defaults = try ExchangeClient().settings
        #expect(try ExchangeClient(Options(network: .testnet)).settings["NETWORK"] == "testnet")
        for (option, options, shown) in Self.values {
            let name = try #require(names[option])
            #expect(try ExchangeClient(options).settings[name] == shown, "\(option)")
            #expect(defaults[name] != shown, "\(option)")
        }
    }

    @Test("Every setting of a node has an option")
    func everySettingHasOne() {
        let others: Set = [
            "EMBEDDED_GRAPE", "GRAPE_DHT_PORT", "GRAPE_API_PORT", "GRAPE_BOOTSTRAP_NODES", "GRAPE_HOST",
            "MAX_REQUESTS_PER_MINUTE", "LOG_FORMAT", "ENABLE_METRICS", "METRICS_PORT", "CONTROL_ADDR",
            "METRICS_HOST",
            // Here whoever reads the log says from which level on.
            "LOG_LEVEL",
            // Where the key is mounted decides about it.
            "KEY_FILE_MODE",
            // What others may claim of a node is set in the environment.
            "MAX_PEERS_PER_ADDRESS", "MAX_PEERS_PER_SUBNET", "MAX_HANDSHAKES", "MAX_HANDSHAKES_PER_ADDRESS",
            "MAX_CONNECTS_PER_SECOND", "MAX_PEER_MESSAGES_PER_SECOND", "MAX_PEER_KB_PER_SECOND",
            "MAX_PEER_SIGNATURES_PER_SECOND", "MAX_PEER_REPEATS_PER_SECOND", "MAX_PEER_REQUESTS_PER_SECOND",
            "MAX_STORED_ORDERS", "HISTORY_MB", "HISTORY_DAYS",
        ]
        let here = Set(Options().settings.map(\.name))
        #expect(Set(MeshbookNative.variables()).subtracting(here) == others)
    }

    @Test("An option outranks the environment, which outranks the default")
    func outranks() throws {
        #expect(try ExchangeClient().port == 3000)
        setenv("P2P_PORT", "4000", 1)
        setenv("EXCHANGE_PAIR", "ETH/USD", 1)
        defer { for name in ["P2P_PORT", "EXCHANGE_PAIR"] { unsetenv(name) } }
        #expect(try ExchangeClient().port == 4000)
        let node = try ExchangeClient(Options(port: 5000))
        #expect((node.port, node.pair) == (5000, "ETH/USD"))
    }

    @Test(
        "A value that is not allowed is named with what is",
        arguments: [
            ("port", Options(port: 70000), "65535"),
            ("port", Options(port: -1), "65535"),
            ("pair", Options(pair: "BTCUSD"), "BTC/USD"),
            ("host", Options(host: "a b"), "IP"),
            ("bootstrapPeers", Options(bootstrapPeers: ["127.0.0.1"]), "host:port"),
            ("maxOrderAmount", Options(maxOrderAmount: 0), "0"),
            ("maxOrderPrice", Options(maxOrderPrice: .nan), "decimal"),
            ("userId", Options(userId: "a b"), "3 to 50"),
            ("grapeUrl", Options(grapeUrl: ["https://a"]), "http"),
        ])
    func isNamed(option: String, options: Options, allowed: String) async throws {
        let error = try await meshbookError { _ = try ExchangeClient(options) }
        #expect((error.kind, error.code, error.field) == (.invalidOption, "INVALID_OPTION", option))
        let (value, phrase) = (try #require(error.value), try #require(error.allowed))
        #expect(phrase.contains(allowed))
        #expect("\(error)" == "\(option) \"\(value)\" is not allowed: \(phrase)")
        #expect(error.localizedDescription == error.message)
        #expect(try JSONDecoder().decode(MeshbookError.self, from: JSONEncoder().encode(error)) == error)
    }

    @Test("A variable that is not allowed is named by its name")
    func variableIsNamed() async throws {
        setenv("P2P_PORT", "eleven", 1)
        defer { unsetenv("P2P_PORT") }
        let error = try await meshbookError { _ = try ExchangeClient(Options(port: 1)) }
        #expect(error.field == "P2P_PORT")
    }

    @Test("A node keeps what it has where it is told, and otherwise beside its port")
    func dataDir() async throws {
        func folder(_ options: Options) throws -> String? { try ExchangeClient(options).dataDir }
        #expect(try folder(Options(port: 4000)) == ".meshbook-4000")
        #expect(try folder(Options(port: 0)) == nil)
        #expect(try folder(Options(dataDir: .nothing, port: 4000)) == nil)
        #expect(try folder(Options(dataDir: "here", port: 0)) == "here")
        try await inFolder { path in
            setenv("MESHBOOK_DATA_DIR", "\(path)/there", 1)
            defer { unsetenv("MESHBOOK_DATA_DIR") }
            #expect(try folder(Options(port: 0)) == "\(path)/there")
            #expect(try folder(Options(dataDir: .nothing, port: 0)) == nil)
            let nothing = try quiet { $0.dataDir = .nothing }
            try await opened(nothing) {
                let kept = try FileManager.default.contentsOfDirectory(atPath: path)
                #expect(kept.isEmpty)
            }
            let node = try quiet()
            try await opened(node) {
                #expect(FileManager.default.fileExists(atPath: "\(path)/there/node.key"))
            }
        }
    }
}
