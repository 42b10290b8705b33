import Foundation
internal import MeshbookNative

/// What is open, so that the end of the process closes it, with a goodbye to the peers.
final class OpenNodes: @unchecked Sendable {
    static let shared = OpenNodes()

    /// How long nodes that nobody holds any more may take to end, in ms.
    private static let patience: UInt32 = 6000

    // The lock is held wherever the rest is touched, so it is sendable.
    private let lock = NSLock()
    private var nodes: [ObjectIdentifier: Held] = [:]
    private var isWatching = false

    private struct Held {
        weak var node: Node?
    }

    /// Closes the node at the end of the process, unless that was done.
    func add(_ node: Node) {
        lock.withLock {
            if !isWatching {
                isWatching = true
                atexit { OpenNodes.shared.end() }
            }
            nodes[ObjectIdentifier(node)] = Held(node: node)
        }
    }

    /// The node needs no closing any more.
    func remove(_ node: Node) {
        _ = lock.withLock { nodes.removeValue(forKey: ObjectIdentifier(node)) }
    }

    private func end() {
        let open = lock.withLock { nodes.values.compactMap(\.node) }
        for node in open {
            try? node.closeBlocking()
        }
        _ = waitForEnds(timeout: Self.patience)
    }
}
