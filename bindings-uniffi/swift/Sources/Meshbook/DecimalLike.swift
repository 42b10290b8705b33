import Foundation

/// What is taken as an amount or a price: a `Decimal`, an `Int`, or a `String` that holds a plain decimal like
/// `"1.5"`.
///
/// `Double` is none of them, since it does not hold most decimals exactly. A fractional *literal* of the type
/// `Decimal` goes through `Double` too, so write `"0.1"` or `Decimal(string: "0.1")`.
public protocol DecimalLike: Sendable {
    /// The value in plain decimal notation, every digit of it. The node reads this, and refuses what doesn't fit.
    var decimalText: String { get }
}

extension Decimal: DecimalLike {
    /// All digits, with a point and without an exponent.
    public var decimalText: String { description }
}

extension Int: DecimalLike {
    /// All digits.
    public var decimalText: String { description }
}

extension String: DecimalLike {
    /// The string as it is.
    public var decimalText: String { self }
}

/// A decimal that is a string in JSON and wherever else it is encoded, as it is with the command `meshbook`: many
/// decoders make a `Double` of a number.
@propertyWrapper
public struct DecimalString: Codable, Hashable, Sendable {
    /// The decimal.
    public var wrappedValue: Decimal

    /// Wraps the decimal.
    public init(wrappedValue: Decimal) {
        self.wrappedValue = wrappedValue
    }

    /// Reads a string. Throws a `DecodingError` for one that is no plain decimal or has more digits than a
    /// `Decimal` holds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Decimal(exactly: text) else {
            let why = "\"\(text)\" is no decimal that can be held exactly"
            throw DecodingError.dataCorruptedError(in: container, debugDescription: why)
        }
        wrappedValue = value
    }

    /// Writes a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(wrappedValue.decimalText)
    }
}

extension Decimal {
    /// The value of a text that has it in the one way in which the node writes it; nothing for any other text, and
    /// for a value that has more than the 38 digits of a `Decimal`.
    init?(exactly text: String) {
        // Foundation reads as far as it understands, and rounds.
        guard let value = Decimal(string: text, locale: nil), value.description == text else { return nil }
        self = value
    }

    /// The value of a text of the node.
    static func of(_ text: String) throws -> Decimal {
        guard let value = Decimal(exactly: text) else {
            let message = "\(text) has more digits than a Decimal holds"
            throw MeshbookError(kind: .resource, code: "INEXACT_DECIMAL", message: message)
        }
        return value
    }
}
