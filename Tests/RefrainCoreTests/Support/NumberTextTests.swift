import RefrainCore
import Testing

@Suite struct NumberTextTests {
    @Test(
        arguments: [
            (0.1234567, 6, "0.123457"), (0.05, 3, "0.050"), (-1.5, 1, "-1.5"), (12, 0, "12"), (2.5, 0, "3"),
            (-2.5, 0, "-3"),
            (-0.000_000_1, 3, "0.000"), (.nan, 2, "0"), (.infinity, 0, "0"), (1e19, 0, "1e+19"), (1e18, 1, "1e+18"),
        ] as [(Double, Int, String)])
    func aValueHasItsDecimals(value: Double, places: Int, text: String) {
        #expect(value.text(places: places) == text)
    }

    @Test func thousandsAreSeparated() {
        #expect(1_234_567.thousandsSeparated == "1,234,567")
        #expect((-123).thousandsSeparated == "-123" && (-1_234).thousandsSeparated == "-1,234")
        #expect(0.thousandsSeparated == "0" && 999.thousandsSeparated == "999")
        #expect(1e19.text(places: 2).thousandsSeparated == "1e+19")
        #expect(12_345.678.text(places: 3).thousandsSeparated == "12,345.678")
    }
}
