import ArgumentParser
import Configuration

@main struct RefrainCommand: AsyncParsableCommand { func run() async throws {} }
