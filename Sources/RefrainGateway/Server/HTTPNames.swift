import HTTPTypes
import Refrain
import RefrainCore

// Three modules have types of these names. Here a head is what a client sends or gets, and upstream's are called so.
typealias RequestHead = HTTPTypes.HTTPRequest
typealias ResponseHead = HTTPTypes.HTTPResponse
typealias UpstreamRequest = Refrain.HTTPRequest
typealias UpstreamResponse = RefrainCore.HTTPResponse
