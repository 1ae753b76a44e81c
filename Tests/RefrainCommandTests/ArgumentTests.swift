import Testing

@testable import RefrainCommand

@Suite struct ArgumentTests {
    @Test(arguments: [
        ("5m", Duration.seconds(300)), ("1h", .seconds(3_600)), ("7d", .seconds(604_800)),
        ("250ms", .milliseconds(250)),
        ("1h30m", .seconds(5_400)), ("0", .zero), ("0s", .zero),
    ])
    func readsDurations(text: String, duration: Duration) {
        #expect(HumanDuration(argument: text)?.duration == duration)
    }

    @Test(arguments: [
        "", "5", "m", "5 m", "-5m", "5x", "soon", "1.5h", "5m3", "99999999999999999999d", "9223372036854775807d", "٣m",
    ])
    func refusesWhatIsNoDuration(text: String) {
        #expect(HumanDuration(argument: text) == nil)
    }

    @Test(arguments: ["7d", "1h30m", "250ms", "1s500ms", "0"])
    func durationsReadBack(text: String) {
        #expect(HumanDuration(argument: text)?.description == text)
    }

    @Test(arguments: [
        ("256MB", 256_000_000), ("1GiB", 1_073_741_824), ("4096", 4_096), ("1kb", 1_000), ("0B", 0), ("2KiB", 2_048),
    ])
    func readsSizes(text: String, bytes: Int) {
        #expect(ByteSize(argument: text)?.bytes == bytes)
    }

    @Test(arguments: ["", "MB", "-1MB", "1.5MB", "1 MB", "1TBB", "9223372036854775807GB", "٣MB"])
    func refusesWhatIsNoSize(text: String) {
        #expect(ByteSize(argument: text) == nil)
    }

    @Test(arguments: ["256MB", "1GiB", "4096", "0"])
    func sizesReadBack(text: String) throws {
        let size = try #require(ByteSize(argument: text))
        #expect(ByteSize(argument: size.description) == size)
    }
}
