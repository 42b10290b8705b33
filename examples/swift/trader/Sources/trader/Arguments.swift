import Meshbook

/// What was written is not what this program understands.
struct UsageError: Error, CustomStringConvertible {
    let description: String
}

/// The command line.
struct Arguments {
    static let help = """
        usage: trader [--pair PAIR] [--host HOST] [--port PORT] [--user NAME] [--data-dir DIR]
                      [--peer HOST:PORT]... [--json]

        Runs a node that does what it reads, one command a line:

        \(Command.help)

        What is not given comes from the environment variables of the command `meshbook`. With --json
        every answer is one line of JSON.
        """

    var options = Options(port: 0)
    var isJSON = false

    /// Reads the command line; nothing where help is asked for.
    static func read(_ words: some Sequence<String>) throws -> Arguments? {
        var arguments = Arguments()
        var peers: [String] = []
        var rest = words.makeIterator()
        while let flag = rest.next() {
            func value() throws -> String {
                guard let value = rest.next() else { throw UsageError(description: "\(flag) needs a value") }
                return value
            }
            switch flag {
            case "--pair": arguments.options.pair = try value()
            case "--host": arguments.options.host = try value()
            case "--port": arguments.options.port = try number(try value(), flag)
            case "--user": arguments.options.userId = try value()
            case "--data-dir": arguments.options.dataDir = .folder(try value())
            case "--peer": peers.append(try value())
            case "--json": arguments.isJSON = true
            case "--help", "-h": return nil
            default: throw UsageError(description: "there is no argument \(flag); --help lists them")
            }
        }
        if !peers.isEmpty {
            arguments.options.bootstrapPeers = peers
        }
        return arguments
    }
}

/// A whole number, or an error that says where there is none.
func number(_ text: String, _ name: String) throws -> Int {
    guard let number = Int(text) else {
        throw UsageError(description: "\(name) \"\(text)\" is not allowed: a whole number")
    }
    return number
}
