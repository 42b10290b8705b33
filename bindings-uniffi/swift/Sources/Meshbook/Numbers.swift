import Foundation

/// How many, as the library takes it: more than it can count is all.
func count(_ value: Int, _ field: String) throws -> UInt32 {
    guard value >= 0 else { throw MeshbookError.argument(field, "\(value)", "0 or more") }
    return UInt32(clamping: value)
}

/// A moment in milliseconds since 1970.
func milliseconds(_ value: Date, _ field: String) throws -> UInt64 {
    let millis = (value.timeIntervalSince1970 * 1000).rounded()
    guard let whole = UInt64(exactly: millis), whole < 1 << 63 else {
        throw MeshbookError.argument(field, "\(value)", "a time since 1970")
    }
    return whole
}

/// A length of time in whole milliseconds.
func milliseconds(_ value: Duration, _ field: String) throws -> UInt64 {
    let (seconds, attoseconds) = value.components
    let (whole, over) = seconds.multipliedReportingOverflow(by: 1000)
    let millis = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
    guard !over, !millis.overflow, millis.partialValue > 0 else {
        throw MeshbookError.argument(field, "\(value)", "at least a millisecond; 30 days at most are kept")
    }
    return UInt64(millis.partialValue)
}
