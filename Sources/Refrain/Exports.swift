// Who imports the client has everything that its API mentions.
@_exported public import RefrainCore
@_exported public import RefrainKeys
