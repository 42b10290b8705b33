import Foundation
internal import MeshbookNative

/// Whatever this package throws, but for `CancellationError` where the task was cancelled.
public struct MeshbookError: Error, Codable, Hashable, Sendable {
    /// What a program may do about it. Kinds stay what they are.
    public enum Kind: String, CaseIterable, Codable, Sendable {
        /// An option or an environment variable is not allowed: `field`, `value` and `allowed` say what is wrong.
        case invalidOption
        /// An order is not allowed: `field`, `value` and `allowed` say what is wrong. Nothing has changed.
        case invalidOrder
        /// Another argument is not allowed: `field`, `value` and `allowed` say what is wrong.
        case invalidValue
        /// The client is not open, or not any more: `NOT_INITIALIZED` or `SHUTTING_DOWN`.
        case notRunning
        /// Somebody listens on that port already: `EADDRINUSE`.
        case addressInUse
        /// The node did not start. It may be tried again.
        case start
        /// An order is allowed and was not taken all the same, for a reason that `code` names.
        case orderRefused
        /// What must survive can't be read or written, or another process has the data directory.
        case storage
        /// The process was forked after a node was made. The node's threads are not in it.
        case forked
        /// The system refuses what everything needs: threads, entropy. Or a sum is beyond what a `Decimal` holds.
        case resource
    }

    /// What a program may do about it.
    public let kind: Kind
    /// A stable name of the case, like `EADDRINUSE`.
    public let code: String
    /// All of it, for people.
    public let message: String
    /// What was wrong, by the name of the option, the argument or the environment variable.
    public let field: String?
    /// The value, cut to 64 characters.
    public let value: String?
    /// What is allowed, as a phrase.
    public let allowed: String?

    init(kind: Kind, code: String, message: String, field: String? = nil, value: String? = nil, allowed: String? = nil)
    {
        self.kind = kind
        self.code = code
        self.message = message
        self.field = field
        self.value = value
        self.allowed = allowed
    }

    /// For an argument that the library can't even be given.
    static func argument(_ field: String, _ value: String, _ allowed: String) -> MeshbookError {
        let message = "\(field) \"\(value)\" is not allowed: \(allowed)"
        let cut = String(value.prefix(64))
        return MeshbookError(
            kind: .invalidValue, code: "INVALID_ARGUMENT", message: message, field: field, value: cut, allowed: allowed)
    }
}

extension MeshbookError: CustomStringConvertible {
    /// The message.
    public var description: String { message }
}

extension MeshbookError: LocalizedError {
    /// The message.
    public var errorDescription: String? { message }
}

/// Lets errors of the library out as errors of this package.
func translating<T>(_ call: () throws -> T) throws -> T {
    do {
        return try call()
    } catch let error as MeshbookNative.MeshbookError {
        throw translated(error)
    }
}

/// The same for a call that waits, which ends when its task is cancelled, with a `CancellationError`. The library's
/// futures know nothing of tasks, so it is given what ends them.
func cancellable<T>(
    isolation: isolated (any Actor)? = #isolation, _ call: (Cancellation) async throws -> T
) async throws -> T {
    let cancelled = Cancellation()
    return try await withTaskCancellationHandler {
        do {
            return try await call(cancelled)
        } catch let error as MeshbookNative.MeshbookError {
            throw translated(error)
        }
    } onCancel: {
        cancelled.cancel()
    }
}

/// What the library calls some arguments, and what they are called here.
private let names = ["max_amount": "maxAmount", "max_price": "maxPrice"]

private func translated(_ error: MeshbookNative.MeshbookError) -> any Error {
    switch error {
    case .InvalidValue(let code, let name, let value, let allowed, let said):
        let kinds: [String: MeshbookError.Kind] = ["INVALID_OPTION": .invalidOption, "INVALID_ORDER": .invalidOrder]
        let field = names[name] ?? name
        let message = said.hasPrefix(name) ? field + said.dropFirst(name.count) : said
        return MeshbookError(
            kind: kinds[code] ?? .invalidValue, code: code, message: message, field: field, value: value,
            allowed: allowed)
    case .NotRunning(let code, _):
        let message =
            switch code {
            case "NOT_INITIALIZED": "the client is not open: call open() first"
            default: "the client is closed, or about to be; make a new one to go on"
            }
        return MeshbookError(kind: .notRunning, code: code, message: message)
    case .Start(let code, let message):
        let kind: MeshbookError.Kind = code == "EADDRINUSE" ? .addressInUse : .start
        return MeshbookError(kind: kind, code: code, message: message)
    case .Refused(let code, let message):
        return MeshbookError(kind: .orderRefused, code: code, message: message)
    case .Storage(let code, let message):
        return MeshbookError(kind: .storage, code: code, message: message)
    case .Forked(let code, let message):
        return MeshbookError(kind: .forked, code: code, message: message)
    case .System(let code, let message):
        return MeshbookError(kind: .resource, code: code, message: message)
    case .Cancelled:
        return CancellationError()
    }
}
