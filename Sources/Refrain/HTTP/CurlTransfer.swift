import CCurl
import RefrainCore

/// One transfer on the curl thread: the owner of an easy handle and of everything that libcurl reads through it.
///
/// Not `Sendable`: ``CurlEngine`` makes it, keeps it and closes it. libcurl holds it as the user data of its callbacks,
/// unretained. That is sound because the engine keeps it until the handle is removed and cleaned up, after which libcurl
/// calls nothing; and because libcurl calls back only from within a call that the engine makes, so that everything here
/// happens on one thread.
final class CurlTransfer {
    let exchange: Exchange
    let easy: UnsafeMutableRawPointer
    let settings: CurlSettings
    private let time: TimeSource
    private let census: TransferCensus
    /// libcurl writes a sentence about a failure here, and keeps the pointer.
    let errorText: UnsafeMutablePointer<CChar>
    /// The request's header lines, which libcurl reads for as long as the handle lives.
    var headerLines: UnsafeMutablePointer<curl_slist>?

    private var head: ResponseHeadParser
    private var deadlines: TransferDeadlines
    /// What went wrong in a callback, which libcurl only knows as "the callback failed".
    private(set) var callbackError: TransportError?

    // The request's body.
    private var uploading: [[UInt8]] = []
    private var chunkIndex = 0
    private var chunkOffset = 0
    private var supplied = 0
    /// How many bytes there are in all, where that is known.
    private let length: Int?
    /// Whether all of the request is with libcurl.
    private(set) var isSent = false
    private var isUploadPaused = false

    // The response's body.
    private var isDownloadPaused = false
    /// How many bytes of body came.
    private(set) var received = 0
    /// The length that the response's head gives for its body as it comes here.
    private(set) var declaredLength: Int?
    /// The server has refused the request before all of it was sent, and its answer is complete.
    ///
    /// libcurl stops sending at such an answer, unless the answer says that the connection will be closed: then it goes on
    /// until the server closes, or for ever where the caller has nothing more to send.
    var isAnsweredEarly: Bool {
        self.isRefused && !self.isSent && self.declaredLength == self.received
    }
    private var isRefused = false
    /// Whether a connection was ready.
    private(set) var isConnected = false
    /// How often the request began to go.
    private var attempts = 0
    /// How often it may. libcurl sends a request again, up to five times, where a connection that it had kept ends without
    /// a byte of a response. Once is what a connection explains that the server had just closed; more would be retries,
    /// and multiply with the caller's own.
    private static let maximumAttempts = 2

    var id: ObjectIdentifier { ObjectIdentifier(self.exchange) }
    var isHeadReceived: Bool { self.head.isDone }

    /// Nil where libcurl has no memory for a handle.
    init?(_ exchange: Exchange, settings: CurlSettings, time: TimeSource, census: TransferCensus) {
        guard let easy = curl_easy_init() else { return nil }
        self.exchange = exchange
        self.easy = easy
        self.settings = settings
        self.time = time
        self.census = census
        self.errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        self.errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        self.head = ResponseHeadParser(maximumBytes: settings.maximumHeaderBytes)
        self.deadlines = TransferDeadlines(exchange.request.timeouts, start: time.monotonicNanoseconds())
        switch exchange.request.body {
        case .none: self.length = 0
        case .bytes(let bytes):
            self.uploading = [bytes]
            self.length = bytes.count
        case .stream(_, let length), .replayable(let length, _): self.length = length
        }
        census.began()
    }

    /// Frees the handle, which must not be in a multi handle any more, and what it read.
    func close() {
        curl_easy_cleanup(self.easy)
        curl_slist_free_all(self.headerLines)
        self.errorText.deallocate()
        self.census.ended()
    }

    /// The transfer whose handle this is.
    static func of(_ easy: UnsafeMutableRawPointer) -> CurlTransfer? {
        var context: UnsafeMutableRawPointer?
        guard refrain_curl_get_pointer(easy, CURLINFO_PRIVATE, &context) == CURLE_OK, let context else { return nil }
        return Self.borrow(context)
    }

    /// What `configure()` gave libcurl. Unretained: see the type.
    static func borrow(_ context: UnsafeMutableRawPointer) -> CurlTransfer {
        Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
    }

    // MARK: Time

    /// When to ask for ``timeout(at:)`` next.
    var nextTimeout: UInt64? { self.deadlines.next }

    /// The error of the time limit that is exceeded, if one is.
    func timeout(at now: UInt64) -> TransportError? {
        switch self.deadlines.expired(at: now) {
        case nil: nil
        case .deadline?: self.error(.deadline, "not done within \(Self.text(self.exchange.request.timeouts.total))")
        case .firstByteTimeout?:
            self.error(.firstByteTimeout, "no response within \(Self.text(self.exchange.request.timeouts.firstByte))")
        case let code?: self.error(code, "no byte for \(Self.text(self.exchange.request.timeouts.idle))")
        }
    }

    private static func text(_ limit: Duration?) -> String { limit.map(String.init(describing:)) ?? "the limit" }

    // MARK: Callbacks

    /// A connection is ready and the request is about to go. Whether it may.
    func connected() -> Bool {
        self.attempts += 1
        guard self.attempts <= Self.maximumAttempts else {
            self.callbackError = self.error(
                .noResponse, "the connection ended without a response, \(Self.maximumAttempts) times")
            return false
        }
        let now = self.time.monotonicNanoseconds()
        self.isConnected = true
        self.deadlines.connected(at: now)
        if case .none = self.exchange.request.body { self.sent() }
        return true
    }

    /// A line of a head or of the trailers. Whether to go on.
    func receive(headerLine line: UnsafeRawBufferPointer) -> Bool {
        do throws(ResponseHeadParser.Malformed) {
            guard var head = try self.head.feed(line) else { return true }
            self.deadlines.headReceived(at: self.time.monotonicNanoseconds())
            self.describeBody(&head)
            self.exchange.headReceived(head)
            return true
        } catch {
            self.callbackError = self.error(.malformedResponse, error.message)
            return false
        }
    }

    /// Notes what the head says of the body, and leaves out of it what libcurl undoes.
    private func describeBody(_ head: inout ResponseHead) {
        let hasBody = self.exchange.request.method != "HEAD" && head.status != 204 && head.status != 304
        if hasBody, self.exchange.request.decompresses, head.headers.contains(where: { $0.name == "content-encoding" })
        {
            head.headers.removeAll { $0.name == "content-encoding" || $0.name == "content-length" }
        }
        self.isRefused = head.status >= 300
        self.declaredLength = hasBody ? head.headers.first { $0.name == "content-length" }.flatMap { Int($0.value) } : 0
    }

    /// Bytes of the body. False: not now, and libcurl keeps them.
    func receive(body bytes: UnsafeRawBufferPointer) -> Bool {
        guard self.exchange.admitsBody() else {
            self.isDownloadPaused = true
            self.deadlines.held()
            return false
        }
        self.received += bytes.count
        self.deadlines.moved(at: self.time.monotonicNanoseconds())
        self.exchange.bodyReceived(Array(bytes))
        return true
    }

    enum Supply {
        /// So many bytes were written; none is the end.
        case bytes(Int)
        case paused
        case failed
    }

    /// Writes the next bytes of the request's body.
    func supply(_ buffer: UnsafeMutableRawBufferPointer) -> Supply {
        guard let chunk = self.nextChunk() else { return .bytes(0) }
        switch chunk {
        case .paused:
            self.isUploadPaused = true
            self.deadlines.held()
            return .paused
        case .failed: return .failed
        case .bytes(let count):
            let taken = min(count, buffer.count)
            self.uploading[self.chunkIndex].withUnsafeBytes { source in
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[self.chunkOffset...].prefix(taken)))
            }
            self.chunkOffset += taken
            self.deadlines.moved(at: self.time.monotonicNanoseconds())
            self.supplied += taken
            if self.supplied == self.length { self.sent() }
            return .bytes(taken)
        }
    }

    /// How many bytes stand at the current place; nil at the end.
    private func nextChunk() -> Supply? {
        while true {
            if self.chunkIndex < self.uploading.count {
                let left = self.uploading[self.chunkIndex].count - self.chunkOffset
                if left > 0 { return .bytes(left) }
                self.chunkIndex += 1
                self.chunkOffset = 0
                continue
            }
            guard let pump = self.exchange.upload else {
                self.sent()
                return nil
            }
            switch pump.take() {
            case .send(let chunks, _):
                self.uploading = chunks
                self.chunkIndex = 0
            case .starved: return .paused
            case .end:
                self.sent()
                return nil
            case .fail(let error):
                self.callbackError = error
                return .failed
            }
        }
    }

    private func sent() {
        self.isSent = true
        self.deadlines.sent(at: self.time.monotonicNanoseconds())
    }

    /// Goes back to the beginning of the request's body: a connection that was reused turned out to be dead. Whether that
    /// can be done.
    func rewind() -> Bool {
        guard self.exchange.upload == nil else { return false }
        self.chunkIndex = 0
        self.chunkOffset = 0
        self.supplied = 0
        self.isSent = false
        return true
    }

    // MARK: Going on

    /// The caller reads again. libcurl may call back before this returns.
    func resumeDownload(at now: UInt64) -> CURLcode {
        guard self.isDownloadPaused else { return CURLE_OK }
        self.isDownloadPaused = false
        self.deadlines.released(at: now)
        return self.applyPauses()
    }

    /// The caller has more to send. libcurl may call back before this returns.
    func resumeUpload(at now: UInt64) -> CURLcode {
        guard self.isUploadPaused else { return CURLE_OK }
        self.isUploadPaused = false
        self.deadlines.released(at: now)
        return self.applyPauses()
    }

    private func applyPauses() -> CURLcode {
        let pauses = (self.isDownloadPaused ? CURLPAUSE_RECV : 0) | (self.isUploadPaused ? CURLPAUSE_SEND : 0)
        return curl_easy_pause(self.easy, pauses)
    }
}
