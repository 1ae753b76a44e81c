import NIOCore
import Testing

@testable import RefrainRedis

struct RESPCommandTests {
    /// A generation record that is written anew has two arguments for each of up to 16,384 labels.
    @Test(arguments: [24_584, 100_000]) func aCommandMayHaveManyArguments(_ count: Int) async {
        let fields = (0..<count).map { RESPArgument.text("label \($0)") }
        let buffer = await Task {
            var buffer = ByteBuffer()
            RESPCommand([.text("HSET")] + fields).write(into: &buffer)
            return buffer
        }.value
        var expected = "*\(fields.count + 1)\r\n$4\r\nHSET\r\n"
        for number in 0..<fields.count {
            let text = "label \(number)"
            expected += "$\(text.utf8.count)\r\n\(text)\r\n"
        }
        #expect(String(buffer: buffer) == expected)
    }

    @Test func argumentsAreBytesOfAnyKind() {
        var buffer = ByteBuffer()
        RESPCommand(.text(""), .bytes([]), .bytes([0, 13, 10, 255]), .text("é"), .integer(-1)).write(into: &buffer)
        var expected = Array("*5\r\n$0\r\n\r\n$0\r\n\r\n$4\r\n".utf8)
        expected += [0, 13, 10, 255]
        expected += Array("\r\n$2\r\né\r\n$2\r\n-1\r\n".utf8)
        #expect(Array(buffer.readableBytesView) == expected)
    }
}
