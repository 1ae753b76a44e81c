import RefrainCore
import Testing

@testable import Refrain

struct HTTPRequestTests {
    private static func isRefused(_ request: HTTPRequest) -> Bool {
        do throws(TransportError) {
            try request.validate()
            return false
        } catch {
            return error.code == .invalidRequest && error.phase == .request
        }
    }

    @Test(arguments: [
        "http://a", "https://api.anthropic.com/v1/messages?beta=true", "HTTPS://A:8443/%20#x", "http://[::1]:80/",
        "http://a/@b", "http://a/?x=@",
    ])
    func urlsThatAreTaken(_ url: String) { #expect(!Self.isRefused(HTTPRequest(url: url))) }

    @Test(arguments: [
        "", "a", "/v1/messages", "ftp://a/", "file:///etc/passwd", "http:/a", "http://", "http:///v1", "http://:80/",
        "http://user:pass@a/", "http://a\\@b/", "http://a/ b", "http://a/\r\nx: y", "http://a/\n", "http://a/\u{0}",
        "http://a/ü", "http://ä/", "http://a/\u{7F}", " http://a/", "http://?x", "http://#x",
    ])
    func urlsThatAreRefused(_ url: String) { #expect(Self.isRefused(HTTPRequest(url: url))) }

    @Test(arguments: ["", "GET ", "GET\r\nx: y", "G\u{0}T", "G:T", "CONNECT", "GÉT"])
    func methodsThatAreRefused(_ method: String) {
        #expect(Self.isRefused(HTTPRequest(method: method, url: "http://a/")))
    }

    @Test(arguments: [
        ("a", "b\r\nc: d"), ("a", "b\nc"), ("a", "b\rc"), ("a", "b\u{0}c"), ("a", "\u{1B}[0m"), ("a", "\u{7F}"),
        ("", "b"),
        ("a b", "c"), ("a:", "b"), ("a\r\nb", "c"), ("a\u{0}", "b"), ("ä", "b"), ("a;", ""),
    ])
    func headersThatAreRefused(_ name: String, _ value: String) {
        #expect(Self.isRefused(HTTPRequest(url: "http://a/", headers: [HTTPHeader(name, value)])))
    }

    @Test func aRefusalDoesNotRepeatTheValue() {
        do throws(TransportError) {
            try HTTPRequest(url: "http://a/", headers: [HTTPHeader("x-api-key", "sk-secret\n")]).validate()
        } catch {
            #expect(!"\(error)".contains("secret"))
            #expect("\(error)".contains("x-api-key"))
        }
    }

    @Test func bodiesAndLimitsThatMakeNoSense() {
        #expect(Self.isRefused(HTTPRequest(method: "HEAD", url: "http://a/", body: .bytes([1]))))
        #expect(Self.isRefused(HTTPRequest(method: "PUT", url: "http://a/", body: .stream(ByteStream([]), length: -1))))
        #expect(
            Self.isRefused(
                HTTPRequest(method: "PUT", url: "http://a/", body: .replayable(length: -1) { ByteStream([]) })))
        for timeouts in [
            HTTPRequest.Timeouts(connect: .zero), .init(firstByte: .zero), .init(idle: .seconds(-1)),
            .init(total: .zero),
        ] {
            #expect(Self.isRefused(HTTPRequest(url: "http://a/", timeouts: timeouts)))
        }
    }

    @Test func noDescriptionShowsACredential() {
        let request = HTTPRequest(
            method: "POST", url: "http://a/b?key=secret", headers: [HTTPHeader("x-api-key", "secret")],
            body: .bytes(Array("secret".utf8)))
        var dumped = ""
        dump(request, to: &dumped)
        for text in [dumped, "\(request)", String(reflecting: request), String(describing: [request])] {
            #expect(!text.contains("secret"))
            #expect(text.contains("POST http://a/b"))
        }
    }
}

struct ClaudeErrorTests {
    private static let now = Timestamp(milliseconds: 0)

    @Test func anErrorOfTheAPIIsRead() {
        let error = ClaudeError(
            CollectedResponse(
                status: 429, headers: [HTTPHeader("request-id", "req_1"), HTTPHeader("retry-after", "3")],
                body: Array(
                    #"{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"},"request_id":"req_2"}"#
                        .utf8)),
            now: Self.now)
        #expect(error.status == 429)
        #expect(error.type == "rate_limit_error")
        #expect(error.message == "Slow down")
        #expect(error.requestID == "req_1")
        #expect(error.retryAfter == .seconds(3))
        #expect(error.description == "429 rate_limit_error: Slow down (req_1)")
        #expect(error.shortDescription == "429 rate_limit_error")
    }

    @Test(arguments: [
        "", "<html>busy</html>", "[]", "null", "{\"error\":1}", "{\"error\":{\"type\":null}}", "{\"error\":",
    ])
    func anyOtherBodyIsKept(_ body: String) {
        let error = ClaudeError(CollectedResponse(status: 502, headers: [], body: Array(body.utf8)), now: Self.now)
        #expect(error.type == nil && error.requestID == nil)
        #expect(error.body == Array(body.utf8))
        #expect(error.description == "502: the API answered 502")
    }

    @Test func anErrorEventHasNoStatus() {
        let error = ClaudeError(
            status: nil, headers: [],
            body: Array(
                #"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#.utf8),
            now: Self.now)
        #expect(error.status == nil && error.requestID == "r")
        #expect(error.description == "overloaded_error: Overloaded (r)")
    }
}
