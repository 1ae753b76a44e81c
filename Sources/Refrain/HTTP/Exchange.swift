import RefrainCore
import RefrainKeys

/// One call, as its caller and the curl thread share it.
final class Exchange: Sendable {
    typealias HeadWaiter = CheckedContinuation<Result<ResponseHead, TransportError>, Never>
    typealias BodyWaiter = CheckedContinuation<Result<[UInt8]?, TransportError>, Never>

    let request: HTTPRequest
    /// Reads the request's body, where that is a stream.
    let upload: UploadPump?
    /// Keeps the thread running for as long as somebody may want to read.
    private let core: CurlCore
    private let state: Locked<ExchangeState<HeadWaiter, BodyWaiter>>

    init(_ request: HTTPRequest, core: CurlCore) {
        self.request = request
        self.core = core
        self.state = Locked(ExchangeState(bufferBytes: core.settings.bufferBytes))
        switch request.body {
        case .none, .bytes: self.upload = nil
        // As much as libcurl takes in one go.
        case .stream, .replayable: self.upload = UploadPump(bufferBytes: 64 << 10)
        }
    }

    /// Whether the caller has gone.
    var isCancelled: Bool { self.state.withLock { $0.isCancelled } }

    // MARK: The caller's side

    /// Begins the call; `waiter` is resumed with the head or the reason why there is none.
    func start(_ waiter: HeadWaiter) {
        switch self.state.withLock({ $0.start(waiter) }) {
        case .start:
            switch self.request.body {
            case .none, .bytes: break
            case .stream(let stream, let length): self.startUpload(stream, length)
            case .replayable(let length, let make): self.startUpload(make(), length)
            }
            if !self.core.thread.post(.start(self)) { self.end(.closed) }
        case .fail(let waiter, let error): waiter.resume(returning: .failure(error))
        }
    }

    private func startUpload(_ stream: ByteStream, _ length: Int?) {
        // Weak: the task that reads the stream must not keep alive what would cancel it.
        self.upload?.start(stream, length: length) { [weak self] in
            guard let self else { return }
            _ = self.core.thread.post(.resumeUpload(self))
        }
    }

    /// The next bytes of the body, all that are there; nil after the last.
    func read() async throws(TransportError) -> [UInt8]? {
        if Task.isCancelled { self.cancel() }
        if let ready = self.read(nil) { return try ready.get() }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: BodyWaiter) in
                if let ready = self.read(waiter) { waiter.resume(returning: ready) }
            }
        } onCancel: {
            self.cancel()
        }
        return try result.get()
    }

    /// What can be read at once; nil where there is nothing yet, and then `waiter` is kept.
    private func read(_ waiter: BodyWaiter?) -> Result<[UInt8]?, TransportError>? {
        switch self.state.withLock({ $0.read(waiter) }) {
        case .chunks(let chunks, let release):
            if release { _ = self.core.thread.post(.resumeDownload(self)) }
            return .success(Self.joined(chunks))
        case .end: return .success(nil)
        case .fail(let error): return .failure(error)
        case .wait: return nil
        }
    }

    private static func joined(_ chunks: [[UInt8]]) -> [UInt8] {
        if chunks.count == 1 { return chunks[0] }
        var all: [UInt8] = []
        all.reserveCapacity(chunks.reduce(0) { $0 + $1.count })
        for chunk in chunks { all.append(contentsOf: chunk) }
        return all
    }

    /// The caller has gone: the thread ends the transfer, and then whoever waits is resumed.
    func cancel() {
        guard self.state.withLock({ $0.cancel() }) else { return }
        _ = self.core.thread.post(.cancel(self))
    }

    // MARK: The thread's side

    func headReceived(_ head: ResponseHead) {
        self.state.withLock { $0.headReceived() }?.resume(returning: .success(head))
    }

    /// Whether the caller has room for more of the body; see ``ExchangeState/admitsBody()``.
    func admitsBody() -> Bool { self.state.withLock { $0.admitsBody() } }

    func bodyReceived(_ chunk: [UInt8]) {
        self.state.withLock { $0.bodyReceived(chunk) }?.resume(returning: .success(chunk))
    }

    /// The transfer is over; nil if the response is complete.
    func end(_ error: TransportError?) {
        self.upload?.stop()
        switch self.state.withLock({ $0.ended(error) }) {
        case .none: break
        case .failHead(let waiter, let error): waiter.resume(returning: .failure(error))
        case .endBody(let reader, let error?): reader.resume(returning: .failure(error))
        case .endBody(let reader, nil): reader.resume(returning: .success(nil))
        }
    }
}

/// The body of a response, for as long as somebody may read it: when the last copy of its stream goes, so does the
/// transfer.
final class ResponseBody: Sendable {
    private let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    deinit { self.exchange.cancel() }

    func next() async throws(TransportError) -> [UInt8]? { try await self.exchange.read() }
}

extension TransportError {
    /// What a call gets from a transport that is shut down.
    static let closed = TransportError(.closed, during: .request, "the transport was shut down")
}
