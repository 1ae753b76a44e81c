import RefrainCore

extension JSONValue {
    /// A number rounded to so many decimals; null where it is none.
    static func decimal(_ value: Double, places: Int) -> JSONValue {
        var factor = 1.0
        for _ in 0..<places { factor *= 10 }
        return JSONNumber((value * factor).rounded() / factor).map(JSONValue.number) ?? .null
    }

    /// A whole number.
    static func count(_ value: Int) -> JSONValue { .number(JSONNumber(value)) }
}
