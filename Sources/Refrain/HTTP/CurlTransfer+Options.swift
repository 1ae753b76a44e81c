import CCurl
import RefrainCore

extension CurlTransfer {
    /// Sets the handle up for the request. An error where libcurl refuses an option: a URL that it cannot read, or no
    /// memory.
    func configure() -> TransportError? {
        do throws(Refusal) {
            try self.setConnection()
            try self.setTrust()
            try self.setRequest()
            try self.setHeaders()
            try self.setCallbacks()
            return nil
        } catch {
            let text = String(cString: curl_easy_strerror(error.code))
            return TransportError(.unexpected, during: .request, "libcurl refuses the option \(error.option): \(text)")
        }
    }

    private struct Refusal: Error {
        let option: UInt32
        let code: CURLcode
    }

    private func set(_ option: CURLoption, _ value: Int) throws(Refusal) {
        try Self.check(option, refrain_curl_set_long(self.easy, option, value))
    }

    private func set(_ option: CURLoption, _ value: String?) throws(Refusal) {
        try Self.check(option, refrain_curl_set_string(self.easy, option, value))
    }

    private static func check(_ option: CURLoption, _ code: CURLcode) throws(Refusal) {
        guard code == CURLE_OK else { throw Refusal(option: option.rawValue, code: code) }
    }

    private func setConnection() throws(Refusal) {
        try Self.check(CURLOPT_PROTOCOLS, refrain_curl_set_protocols(self.easy))
        // Without effect on correctness, so a libcurl that does not know it is fine.
        refrain_curl_set_quick_exit(self.easy)
        try self.set(CURLOPT_NOSIGNAL, 1)
        try self.set(CURLOPT_FOLLOWLOCATION, 0)
        try self.set(CURLOPT_TCP_KEEPALIVE, 1)
        let version = self.settings.allowsHTTP2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1
        try self.set(CURLOPT_HTTP_VERSION, Int(version))
        // libcurl shares this out among a host's addresses, so that one that does not answer does not take it all.
        let limit = self.exchange.request.timeouts.connect.wholeNanoseconds / 1_000_000
        try self.set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(Int32(clamping: limit))))
        if let proxy = self.settings.proxy { try self.set(CURLOPT_PROXY, proxy) }
        // The request's fields are for the server: a proxy that is asked for a tunnel must not see a credential.
        try self.set(CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE))
        try self.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        // A body that cannot be sent twice must not meet a connection that the server has just closed.
        if self.exchange.upload != nil { try self.set(CURLOPT_FRESH_CONNECT, 1) }
    }

    /// Certificates and host names are always verified, those of an HTTPS proxy too.
    private func setTrust() throws(Refusal) {
        try self.set(CURLOPT_SSL_VERIFYPEER, 1)
        try self.set(CURLOPT_SSL_VERIFYHOST, 2)
        try self.set(CURLOPT_PROXY_SSL_VERIFYPEER, 1)
        try self.set(CURLOPT_PROXY_SSL_VERIFYHOST, 2)
        try self.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        let trust = self.settings.trust
        // A default directory stands beside the default file and has the same certificates. Without it libcurl keeps the
        // parsed file from one connection to the next, which with it takes this thread tens of milliseconds each time.
        let hasFile = trust.file != nil || refrain_curl_default_authorities(self.easy) != nil
        for (file, directory, blob) in [
            (CURLOPT_CAINFO, CURLOPT_CAPATH, CURLOPT_CAINFO_BLOB),
            (CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH, CURLOPT_PROXY_CAINFO_BLOB),
        ] {
            if let path = trust.file { try self.set(file, path) }
            if trust.directory != nil || trust.pem != nil || hasFile { try self.set(directory, trust.directory) }
            guard let pem = trust.pem else { continue }
            try self.set(file, nil)
            let code = pem.withUnsafeBytes { bytes in
                bytes.baseAddress.map { refrain_curl_set_blob(self.easy, blob, $0, bytes.count) }
                    ?? CURLE_SSL_CACERT_BADFILE
            }
            try Self.check(blob, code)
        }
    }

    private func setRequest() throws(Refusal) {
        let request = self.exchange.request
        try self.set(CURLOPT_URL, request.url)
        // What the caller wrote is what the server gets: a gateway must not tidy paths up.
        try self.set(CURLOPT_PATH_AS_IS, 1)
        switch request.body {
        case .none where request.method == "HEAD": try self.set(CURLOPT_NOBODY, 1)
        case .none where ["POST", "PUT", "PATCH"].contains(request.method):
            try self.set(CURLOPT_POSTFIELDS, "")
            try self.set(CURLOPT_POSTFIELDSIZE, 0)
        case .none: try self.set(CURLOPT_HTTPGET, 1)
        case .bytes(let bytes): try self.setUpload(length: bytes.count)
        case .stream(_, let length), .replayable(let length, _): try self.setUpload(length: length)
        }
        if request.method != "HEAD" { try self.set(CURLOPT_CUSTOMREQUEST, request.method) }
        // Empty: whatever this libcurl can undo. Not set: nothing is asked for, and nothing undone.
        if request.decompresses { try self.set(CURLOPT_ACCEPT_ENCODING, "") }
    }

    private func setUpload(length: Int?) throws(Refusal) {
        try self.set(CURLOPT_UPLOAD, 1)
        // Of unknown length (-1) it goes in chunks.
        try Self.check(
            CURLOPT_INFILESIZE_LARGE,
            refrain_curl_set_offset(self.easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(length ?? -1)))
    }

    private func setHeaders() throws(Refusal) {
        let request = self.exchange.request
        // A name with nothing after the colon takes a field of libcurl's own out: it would wait for a "100 Continue" of
        // servers that send none, and invent types.
        var lines = ["Expect:"]
        for name in ["accept", "content-type", "user-agent"] where !request.headers.contains(where: { $0.name == name })
        {
            lines.append("\(name):")
        }
        for header in request.headers where !HTTPRequest.isConnectionField(header.name) {
            if request.decompresses, header.name == "accept-encoding" { continue }
            // A field without a value is written with a semicolon.
            let isEmpty = header.value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 }
            lines.append(isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        for line in lines {
            // libcurl copies the string.
            guard let list = curl_slist_append(self.headerLines, line) else {
                throw Refusal(option: CURLOPT_HTTPHEADER.rawValue, code: CURLE_OUT_OF_MEMORY)
            }
            self.headerLines = list
        }
        try Self.check(CURLOPT_HTTPHEADER, refrain_curl_set_list(self.easy, CURLOPT_HTTPHEADER, self.headerLines))
    }

    private func setCallbacks() throws(Refusal) {
        // Unretained: see the type. The engine keeps the transfer until libcurl has let go of the handle.
        let context = Unmanaged.passUnretained(self).toOpaque()
        try Self.check(CURLOPT_PRIVATE, refrain_curl_set_pointer(self.easy, CURLOPT_PRIVATE, context))
        try Self.check(CURLOPT_ERRORBUFFER, refrain_curl_set_pointer(self.easy, CURLOPT_ERRORBUFFER, self.errorText))
        try Self.check(
            CURLOPT_WRITEFUNCTION,
            refrain_curl_set_write_function(
                self.easy,
                { bytes, size, count, context in
                    guard let context else { return 0 }
                    let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
                    return CurlTransfer.borrow(context).receive(body: bytes) ? bytes.count : Int(CURL_WRITEFUNC_PAUSE)
                }, context))
        try Self.check(
            CURLOPT_HEADERFUNCTION,
            refrain_curl_set_header_function(
                self.easy,
                { bytes, size, count, context in
                    guard let context else { return 0 }
                    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
                    // Any other number than that of the bytes ends the transfer; a line has at least one.
                    return CurlTransfer.borrow(context).receive(headerLine: line) ? line.count : 0
                }, context))
        try Self.check(
            CURLOPT_READFUNCTION,
            refrain_curl_set_read_function(
                self.easy,
                { buffer, size, count, context in
                    guard let context else { return Int(CURL_READFUNC_ABORT) }
                    let buffer = UnsafeMutableRawBufferPointer(start: buffer, count: size * count)
                    switch CurlTransfer.borrow(context).supply(buffer) {
                    case .bytes(let count): return count
                    case .paused: return Int(CURL_READFUNC_PAUSE)
                    case .failed: return Int(CURL_READFUNC_ABORT)
                    }
                }, context))
        try Self.check(
            CURLOPT_SEEKFUNCTION,
            refrain_curl_set_seek_function(
                self.easy,
                { context, offset, origin in
                    guard let context, offset == 0, origin == SEEK_SET, CurlTransfer.borrow(context).rewind() else {
                        return CURL_SEEKFUNC_CANTSEEK
                    }
                    return CURL_SEEKFUNC_OK
                }, context))
        try Self.check(
            CURLOPT_PREREQFUNCTION,
            refrain_curl_set_ready_function(
                self.easy,
                { context, _, _, _, _ in
                    guard let context else { return CURL_PREREQFUNC_ABORT }
                    return CurlTransfer.borrow(context).connected() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
                }, context))
    }
}
