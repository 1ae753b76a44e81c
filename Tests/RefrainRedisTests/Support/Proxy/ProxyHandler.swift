import NIOCore

/// Tells a ``ProxyLink`` what happens on one of its channels.
final class ProxyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: ProxyLink
    private let side: ProxyLink.Side

    init(link: ProxyLink, side: ProxyLink.Side) {
        self.link = link
        self.side = side
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.link.received(self.unwrapInboundIn(data), from: self.side)
    }

    func channelReadComplete(context: ChannelHandlerContext) { self.link.readAll(from: self.side) }

    func channelWritabilityChanged(context: ChannelHandlerContext) { self.link.writabilityChanged(of: self.side) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { self.link.inputEnded(of: self.side) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.link.failed(self.side) }

    func channelInactive(context: ChannelHandlerContext) { self.link.closed(self.side) }
}
