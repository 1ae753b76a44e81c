import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

// The server library alone, for scripts/gateway-figures: it reads each request and answers the bytes of a file, whatever was
// asked. What the gateway takes beyond this is its own.
//
//     RefrainGatewayBaseline PORT BYTES

let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8_790
let count = CommandLine.arguments.dropFirst(2).first.flatMap { Int($0) } ?? 1_500
let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: count)
let server = try HTTPServerBuilder.http1().buildServer(
    configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: port), backlog: 4_096),
    eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "baseline"),
    responder: { request, writer, _ in
        for try await _ in request.body {}
        var fields = HTTPFields()
        fields[.contentType] = "application/json"
        fields[.contentLength] = String(body.readableBytes)
        try await writer.write(
            response: HTTPResponse(status: .ok, headerFields: fields), body: .init(byteBuffer: body))
    },
    onServerRunning: { _ in print("listening on \(port)") })
try await server.run()
