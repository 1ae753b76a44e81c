import CCurl

extension CurlTransfer {
    /// How far the call has come.
    var phase: TransportError.Phase {
        if self.isHeadReceived { return .body }
        if self.isConnected { return self.isSent ? .firstByte : .send }
        if self.microseconds(CURLINFO_NAMELOOKUP_TIME_T) == 0 { return .resolve }
        // libcurl tells the time of the connection only after the handshake, but the port as soon as it has one.
        if self.number(CURLINFO_LOCAL_PORT) == 0 { return self.usesProxy ? .proxy : .connect }
        // A proxy carries https in a tunnel, and http as it is.
        if self.usesProxy, self.isHTTPS, !(200..<300).contains(self.number(CURLINFO_HTTP_CONNECTCODE)) { return .proxy }
        return .tls
    }

    /// An error at this point of the call.
    func error(_ code: TransportError.Code, _ message: String) -> TransportError {
        TransportError(code, during: self.phase, message)
    }

    /// What libcurl's result means: nil for a complete response.
    func failure(_ result: CURLcode) -> TransportError? {
        if let error = self.callbackError { return error }
        if result == CURLE_OK {
            return self.isHeadReceived ? nil : self.error(.noResponse, "the connection ended without a response")
        }
        // A server may answer before it has read all of a request, and close. The answer is whole if its length says so.
        if self.isHeadReceived, self.declaredLength == self.received,
            [CURLE_SEND_ERROR, CURLE_RECV_ERROR].contains(result)
        {
            return nil
        }
        return self.error(self.code(for: result), self.message(for: result))
    }

    private func code(for result: CURLcode) -> TransportError.Code {
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST: .resolve
        case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: .proxy
        case CURLE_COULDNT_CONNECT: self.phase == .proxy ? .proxy : .connect
        case CURLE_OPERATION_TIMEDOUT: .connectTimeout
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE,
            CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS:
            .certificate
        case CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_USE_SSL_FAILED,
            CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CLIENTCERT:
            .tls
        case CURLE_URL_MALFORMAT,
            CURLE_UNSUPPORTED_PROTOCOL where !self.isConnected:
            .invalidRequest
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
            .malformedResponse
        // What libcurl says of a header line beyond its own limit of 100 KB.
        case CURLE_OUT_OF_MEMORY where self.isConnected && !self.isHeadReceived: .malformedResponse
        case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT: .unexpected
        default: self.codeOfPhase
        }
    }

    /// What a connection that fails means at this point.
    private var codeOfPhase: TransportError.Code {
        switch self.phase {
        case .resolve: .resolve
        case .connect: .connect
        case .proxy: .proxy
        case .tls: .tls
        case .send: .send
        case .firstByte: .noResponse
        default: .truncated
        }
    }

    private func message(for result: CURLcode) -> String {
        let proxyStatus = self.number(CURLINFO_HTTP_CONNECTCODE)
        if proxyStatus != 0, !(200..<300).contains(proxyStatus) {
            return "the proxy answered \(proxyStatus) when asked for a tunnel"
        }
        let text = String(cString: self.errorText)
        guard text.isEmpty else { return String(text.map { $0.isASCII && !$0.isNewline ? $0 : " " }) }
        return String(cString: curl_easy_strerror(result))
    }

    private var isHTTPS: Bool { self.exchange.request.url.prefix(5).lowercased() == "https" }

    private var usesProxy: Bool { self.settings.usesProxy(for: self.exchange.request.url) }

    private func microseconds(_ info: CURLINFO) -> Int {
        var value: curl_off_t = 0
        return refrain_curl_get_offset(self.easy, info, &value) == CURLE_OK ? Int(value) : 0
    }

    private func number(_ info: CURLINFO) -> Int {
        var value = 0
        return refrain_curl_get_long(self.easy, info, &value) == CURLE_OK ? value : 0
    }
}
