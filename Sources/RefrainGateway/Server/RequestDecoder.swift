import NIOCore
import NIOHTTP1

/// Parses requests, and goes on after one that asks for another protocol.
///
/// A server may ignore `Upgrade` (RFC 9110 §7.8), as this one does. NIO's parser stops behind such a request: what
/// follows might be of the other protocol. This one then begins anew with the byte that follows. Whether the parser has
/// stopped, it does not say; ``Persistence`` knows it from the head, and sets ``hasStopped``.
final class RequestDecoder: ByteToMessageDecoder {
    typealias InboundOut = HTTPServerRequestPart

    /// Whether the parser takes no more bytes: set at the end of the request that stopped it.
    var hasStopped = false

    private let limits: NIOHTTPDecoderLimitConfiguration
    private var parser: HTTPRequestDecoder

    init(_ limits: NIOHTTPDecoderLimitConfiguration) {
        self.limits = limits
        self.parser = HTTPRequestDecoder(limitConfiguration: limits)
    }

    func decoderAdded(context: ChannelHandlerContext) { self.parser.decoderAdded(context: context) }

    func decoderRemoved(context: ChannelHandlerContext) { self.parser.decoderRemoved(context: context) }

    func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        repeat {
            self.beginAnewIfStopped(context)
            _ = try self.parser.decode(context: context, buffer: &buffer)
        } while self.hasStopped && buffer.readableBytes > 0
        return .needMoreData
    }

    func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState {
        self.beginAnewIfStopped(context)
        return try self.parser.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
    }

    private func beginAnewIfStopped(_ context: ChannelHandlerContext) {
        guard self.hasStopped else { return }
        self.hasStopped = false
        self.parser.decoderRemoved(context: context)
        self.parser = HTTPRequestDecoder(limitConfiguration: self.limits)
        self.parser.decoderAdded(context: context)
    }
}
