// swift-tools-version: 6.1
import PackageDescription

// libFuzzer targets over the public interface. A package of its own, because it is built with flags that dependants of
// Refrain must not inherit. `scripts/fuzz` builds and runs them.
let targets = ["FuzzKeys", "FuzzSSE", "FuzzEnvelope", "FuzzRESP"]

let package = Package(
    name: "refrain-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "refrain", path: "../")],
    targets: targets.map { name in
        .executableTarget(
            name: name,
            dependencies: [
                .product(name: "RefrainKeys", package: "refrain"), .product(name: "RefrainCore", package: "refrain"),
            ]
                + (["FuzzEnvelope", "FuzzRESP"].contains(name)
                    ? [.product(name: "RefrainRedis", package: "refrain")] : []),
            // libFuzzer brings the entry point.
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    },
    swiftLanguageModes: [.v6]
)
