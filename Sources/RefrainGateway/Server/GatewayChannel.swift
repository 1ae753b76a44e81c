import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// The handlers of each connection, from its bytes to its requests.
struct GatewayChannel: HTTPChannelHandler {
    typealias Value = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    let limits: GatewayConfiguration.Limits
    let census: ConnectionCensus
    let admitsBody: @Sendable (RequestHead) -> Bool
    let memoryAnswers: @Sendable () -> MemoryAnswers
    let responder: Responder

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try Self.addCodec(to: channel, limits: self.limits, census: self.census, admitsBody: self.admitsBody)
            try pipeline.addHandler(self.memoryAnswers())
            // Closes the connection when the server shuts down, and no request is under way.
            try pipeline.addHandler(HTTPConnectionStateHandler(logger: logger))
            return try NIOAsyncChannel(
                wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
        }
    }

    func handle(value: Value, logger: Logger) async { await self.handleHTTP(asyncChannel: value, logger: logger) }

    /// Adds what stands in front of any server: the codec, and the connection's limits.
    static func addCodec(
        to channel: any Channel, limits: GatewayConfiguration.Limits, census: ConnectionCensus,
        admitsBody: @escaping (RequestHead) -> Bool
    ) throws {
        var decoding = NIOHTTPDecoderLimitConfiguration()
        decoding.maxHeaderFieldSize = limits.headerBytes
        decoding.maxHeaderListSize = limits.headerBytes
        decoding.maxHeaderFieldCount = 1_000
        let decoder = RequestDecoder(decoding)
        let persistence = Persistence(decoder)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(HTTPResponseEncoder(configuration: .init()))
        try pipeline.addHandler(ByteToMessageHandler(decoder))
        try pipeline.addHandler(persistence)
        try pipeline.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try pipeline.addHandler(
            ConnectionGuard(limits: limits, census: census, persistence: persistence, admitsBody: admitsBody))
    }
}
