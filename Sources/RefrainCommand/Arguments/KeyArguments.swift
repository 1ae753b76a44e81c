import ArgumentParser
import RefrainCore
import RefrainKeys

/// What a key depends on besides the body, as the commands about keys take it.
struct KeyArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Who may share: a name that all who use it share under.", valueName: "name"))
    var scope: String?

    @Option(help: ArgumentHelp("The service that answers.", valueName: "url"))
    var upstream = "https://api.anthropic.com"

    @Option(help: ArgumentHelp("The value of the anthropic-version header.", valueName: "version"))
    var anthropicVersion = "2023-06-01"

    @Option(help: ArgumentHelp("A value of the anthropic-beta header. May be given again.", valueName: "name"))
    var beta: [String] = []

    @Option(help: ArgumentHelp("Your own version of whatever else decides the answer.", valueName: "text"))
    var cacheVersion = ""

    @Option(help: ArgumentHelp("Which of several distinct cached answers.", valueName: "n"))
    var sample = 0

    @Flag(help: "Key requests that refer to images or documents by URL.")
    var urlSources = false

    @Flag(help: "Key requests that refer to uploaded files by id.")
    var fileSources = false

    @Flag(help: "Key requests that name fallback models.")
    var fallbacks = false

    /// The context; without `--scope` one that stands for nobody.
    var context: KeyContext {
        KeyContext(
            scope: self.scope.map(Scope.shared) ?? .unscoped, origin: self.upstream, version: self.anthropicVersion,
            betas: self.beta, userVersion: self.cacheVersion, sampleIndex: self.sample,
            options: KeyOptions(
                urlSources: self.urlSources, fileSources: self.fileSources, fallbacks: self.fallbacks))
    }
}
