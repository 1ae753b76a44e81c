import CCurl
import RefrainCore

/// All transfers of one transport. Its isolation is the curl thread, which is what owns the multi handle.
actor CurlEngine {
    private let thread: CurlThread
    private let settings: CurlSettings
    private let time: TimeSource
    private let census: TransferCensus
    private var multi: UnsafeMutableRawPointer?
    /// The running transfers. They are kept here until libcurl has let go of their handles, so that its callbacks may
    /// borrow them.
    private var transfers: [ObjectIdentifier: CurlTransfer] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    init(thread: CurlThread, settings: CurlSettings, time: TimeSource, census: TransferCensus) {
        self.thread = thread
        self.settings = settings
        self.time = time
        self.census = census
    }

    // MARK: The thread's life

    /// The thread has started. Returns what wakes it.
    func open() -> CurlThread.Wakeable? {
        guard refrain_curl_global_init() == CURLE_OK, let multi = curl_multi_init() else { return nil }
        refrain_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, Int(clamping: self.settings.maximumIdleConnections))
        self.multi = multi
        return CurlThread.Wakeable(multi: multi)
    }

    /// One turn: what libcurl and the clock have to do now.
    func turn() {
        guard let multi else { return }
        var running: Int32 = 0
        let status = curl_multi_perform(multi, &running)
        if status != CURLM_OK { self.failAll("libcurl cannot go on (CURLM \(status.rawValue))") }
        self.finishDone(multi)
        let now = self.time.monotonicNanoseconds()
        for transfer in self.transfers.values {
            if transfer.isAnsweredEarly {
                self.finish(transfer, nil)
            } else if let error = transfer.timeout(at: now) {
                self.finish(transfer, error)
            }
        }
    }

    /// Waits until there is something to do, or until ``CurlThread`` is woken.
    func wait() {
        guard let multi else { return }
        curl_multi_poll(multi, nil, 0, self.pollMilliseconds(), nil)
    }

    /// The thread ends.
    func close() {
        for transfer in self.transfers.values { self.finish(transfer, .closed) }
        if let multi { curl_multi_cleanup(multi) }
        self.multi = nil
    }

    private func pollMilliseconds() -> Int32 {
        guard let next = self.transfers.values.lazy.compactMap(\.nextTimeout).min() else { return .max }
        let now = self.time.monotonicNanoseconds()
        guard next > now else { return 0 }
        // Rounded up: a wait that ends before the limit would only be followed by another.
        return Int32(clamping: (next - now) / 1_000_000 + 1)
    }

    // MARK: Commands

    func perform(_ command: CurlThread.Command) {
        switch command {
        case .start(let exchange): self.start(exchange)
        case .cancel(let exchange):
            guard let transfer = self.transfers[ObjectIdentifier(exchange)] else { return }
            self.finish(transfer, transfer.error(.cancelled, "the call was cancelled"))
        case .resumeDownload(let exchange):
            self.resume(exchange) { $0.resumeDownload(at: self.time.monotonicNanoseconds()) }
        case .resumeUpload(let exchange):
            self.resume(exchange) { $0.resumeUpload(at: self.time.monotonicNanoseconds()) }
        }
    }

    private func start(_ exchange: Exchange) {
        guard !exchange.isCancelled else {
            exchange.end(TransportError(.cancelled, during: .request, "the call was cancelled"))
            return
        }
        guard let multi,
            let transfer = CurlTransfer(exchange, settings: self.settings, time: self.time, census: self.census)
        else {
            exchange.end(TransportError(.unexpected, during: .request, "libcurl gives no handle: out of memory"))
            return
        }
        self.transfers[transfer.id] = transfer
        if let error = transfer.configure() {
            self.finish(transfer, error)
            return
        }
        let status = curl_multi_add_handle(multi, transfer.easy)
        guard status == CURLM_OK else {
            self.finish(
                transfer,
                TransportError(.unexpected, during: .request, "libcurl takes no transfer (CURLM \(status.rawValue))"))
            return
        }
    }

    private func resume(_ exchange: Exchange, _ body: (CurlTransfer) -> CURLcode) {
        guard let transfer = self.transfers[ObjectIdentifier(exchange)] else { return }
        let status = body(transfer)
        if status != CURLE_OK { self.finish(transfer, transfer.failure(status)) }
    }

    // MARK: Ends

    private func finishDone(_ multi: UnsafeMutableRawPointer) {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            var easy: UnsafeMutableRawPointer?
            var result = CURLE_OK
            guard refrain_curl_message_done(message, &easy, &result) != 0, let easy else { continue }
            guard let transfer = CurlTransfer.of(easy) else { continue }
            self.finish(transfer, transfer.failure(result))
        }
    }

    /// Lets go of a transfer's handle, and then tells its caller. A connection in the middle of a response is closed.
    private func finish(_ transfer: CurlTransfer, _ error: TransportError?) {
        guard self.transfers.removeValue(forKey: transfer.id) != nil else { return }
        if let multi { curl_multi_remove_handle(multi, transfer.easy) }
        transfer.close()
        transfer.exchange.end(error)
    }

    private func failAll(_ message: String) {
        for transfer in self.transfers.values { self.finish(transfer, transfer.error(.unexpected, message)) }
    }
}
