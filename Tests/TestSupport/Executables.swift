import Foundation

/// Programs that are installed on this machine.
package enum Executables {
    /// The path of a program: `name` itself where it is a path, else the first of that name in `PATH` and in the usual
    /// places; nil where there is none.
    package static func path(of name: String) -> String? {
        guard !name.contains("/") else { return FileManager.default.isExecutableFile(atPath: name) ? name : nil }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"])
            .map { "\($0)/\(name)" }
            .first(where: FileManager.default.isExecutableFile(atPath:))
    }
}

/// The executables that the package builds, beside its tests.
package enum BuiltProducts {
    /// There is no such executable beside the tests.
    package struct Missing: Error {
        var name: String
        var places: [String]
    }

    /// The path of the executable product, or of the target that it is built from: the file has the target's name where
    /// the manifest names no product.
    package static func path(of product: String) throws -> String {
        // The tests' own executable, or the bundle that it was told to load.
        let places = [CommandLine.arguments[0]] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
        for place in places {
            let folder = URL(fileURLWithPath: place).deletingLastPathComponent()
            for name in [product, "\(product.prefix(1).uppercased())\(product.dropFirst())Command"] {
                let path = folder.appendingPathComponent(name).path
                if FileManager.default.isExecutableFile(atPath: path) { return path }
            }
        }
        throw Missing(name: product, places: places)
    }
}
