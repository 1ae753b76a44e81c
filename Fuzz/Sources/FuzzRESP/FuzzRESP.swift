// Replies of a server: any bytes in any chunks give the same values, or are refused after the same ones.
@_spi(Fuzzing) import RefrainRedis

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    if let violation = RESPProperties.violation(in: Array(UnsafeBufferPointer(start: start, count: count))) {
        fatalError(violation)
    }
    return 0
}
