import RefrainCore
import RefrainKeys

/// A request that has been read and checked, as far as that depends on nothing but itself.
package struct ReadRequest: Sendable {
    enum Kind {
        case messages(isStreaming: Bool)
        case countTokens, models, other
    }

    enum Content {
        /// A call of the model, what it asks of the simulation, and whose it is.
        case call(MessagesCall, Directives, account: ContentDigest)
        /// A body that is known already.
        case body(JSONFragment)
    }

    let kind: Kind
    /// The fault that the request asks for itself.
    let fault: Result<Fault?, APIFailure>
    let content: Result<Content, APIFailure>
}

/// Reads requests: routes, credentials, headers and bodies.
package struct RequestReader: Sendable {
    private let accounts: [String: SimulatorConfiguration.Account]?
    private let acceptsUnknownParameters: Bool

    /// The most bytes of a request's body.
    package static let maximumBody = 32 * 1_048_576

    init(_ configuration: SimulatorConfiguration) {
        self.accounts = configuration.accounts
        self.acceptsUnknownParameters = configuration.acceptsUnknownParameters
    }

    /// Reads `request`. Linear in its size.
    package func read(_ request: SimulatedRequest) -> ReadRequest {
        let fault: Result<Fault?, APIFailure>
        do throws(APIFailure) {
            fault = .success(try self.fault(of: request))
        } catch {
            fault = .failure(error)
        }
        let path = request.path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
        let parts =
            path.firstRange(of: "/v1/").map {
                path[$0.upperBound...].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            } ?? []
        switch (request.method, parts) {
        case ("POST", ["messages"]): return self.readCall(request, .message, fault)
        case ("POST", ["messages", "count_tokens"]): return self.readCall(request, .tokenCount, fault)
        case ("GET", ["models"]),
            ("GET", _) where parts.count == 2 && parts[0] == "models":
            let content: Result<ReadRequest.Content, APIFailure>
            do throws(APIFailure) {
                _ = try self.account(request)
                content = .success(.body(try self.models(parts.count == 2 ? parts[1] : nil)))
            } catch {
                content = .failure(error)
            }
            return ReadRequest(kind: .models, fault: fault, content: content)
        case (_, ["messages"]), (_, ["messages", "count_tokens"]), (_, ["models"]):
            return ReadRequest(
                kind: .other, fault: fault, content: .failure(APIFailure(status: 405, "Method Not Allowed")))
        default: return ReadRequest(kind: .other, fault: fault, content: .failure(APIFailure(status: 404)))
        }
    }

    private func models(_ id: String?) throws(APIFailure) -> JSONFragment {
        guard let id else { return SimulatedModel.page }
        guard let model = SimulatedModel.named(id) else { throw APIFailure(status: 404, "model: \(id)") }
        return model.description
    }

    private func fault(of request: SimulatedRequest) throws(APIFailure) -> Fault? {
        guard let text = request.header("x-simulator-fault") else { return nil }
        do throws(FaultSyntaxError) {
            return try Fault(parsing: text)
        } catch {
            throw .invalid("simulator: \(error)")
        }
    }

    // MARK: Calls

    private func readCall(
        _ request: SimulatedRequest, _ purpose: MessagesCall.Purpose, _ fault: Result<Fault?, APIFailure>
    ) -> ReadRequest {
        var isStreaming = false
        let content: Result<ReadRequest.Content, APIFailure>
        do throws(APIFailure) {
            let account = try self.account(request)
            let document = try self.document(request)
            isStreaming = document.root["stream"]?.bool ?? false
            let call = try self.call(document, request, purpose)
            switch purpose {
            case .tokenCount:
                content = .success(.body(["input_tokens": JSONFragment(call.prompt.tokens)]))
            case .message:
                let directives = try Directives(header: request.header("x-simulator"), text: call.lastUserText)
                content = .success(.call(call, directives, account: account))
            }
        } catch {
            content = .failure(error)
        }
        return ReadRequest(
            kind: purpose == .message ? .messages(isStreaming: isStreaming) : .countTokens, fault: fault,
            content: content)
    }

    private func document(_ request: SimulatedRequest) throws(APIFailure) -> JSONDocument {
        guard request.body.count <= Self.maximumBody else { throw APIFailure(status: 413) }
        if let coding = request.header("content-encoding"), coding.lowercased() != "identity" {
            throw APIFailure(
                status: 400, "Unsupported content encoding: \(coding)", errorCode: "request_body_encoding_unsupported")
        }
        do throws(JSONError) {
            return try JSONDocument(request.body)
        } catch {
            throw .invalid("The request body is not valid JSON: \(error.code) (char \(error.offset))")
        }
    }

    private func call(
        _ document: JSONDocument, _ request: SimulatedRequest, _ purpose: MessagesCall.Purpose
    ) throws(APIFailure) -> MessagesCall {
        guard let text = request.header("anthropic-version") else {
            throw .invalid("anthropic-version", "header is required")
        }
        guard let version = MessagesCall.Version(rawValue: text) else {
            throw .invalid("anthropic-version", "\"\(text)\" is not a valid version")
        }
        try BetaHeader.check(request.header("anthropic-beta"))
        return try MessagesCall(
            document, version: version, purpose: purpose, acceptsUnknownParameters: self.acceptsUnknownParameters)
    }

    /// The organisation and the workspace that the request's credential stands for. An API key wins over a token.
    private func account(_ request: SimulatedRequest) throws(APIFailure) -> ContentDigest {
        let credential: String
        var refusal = "invalid x-api-key"
        if let key = request.header("x-api-key"), !key.isEmpty {
            credential = key
        } else if let value = request.header("authorization"), value.lowercased().hasPrefix("bearer "),
            !value.dropFirst(7).allSatisfy(\.isWhitespace)
        {
            credential = String(value.dropFirst(7))
            refusal = "Invalid bearer token"
        } else {
            throw APIFailure(status: 401, "x-api-key header is required")
        }
        var workspace = "default"
        var organization = "of " + credential
        if let accounts {
            guard let account = accounts[credential] else { throw APIFailure(status: 401, refusal) }
            organization = account.organization
            workspace = account.workspace
        }
        workspace = request.header("anthropic-workspace-id") ?? workspace
        return ContentDigest(
            ContentDigest(Array(organization.utf8)), then: ContentDigest(Array(workspace.utf8)))
    }
}
