import NIOCore

/// Tells when bytes arrive, decoded or not.
final class ByteWatch: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let arrived: () -> Void

    init(_ arrived: @escaping () -> Void) { self.arrived = arrived }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.arrived()
        context.fireChannelRead(data)
    }
}
