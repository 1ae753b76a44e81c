// swift-tools-version: 6.1
import PackageDescription

// libFuzzer targets over the public interface. A package of its own, because it is built with flags that dependants of
// Refrain must not inherit. `scripts/fuzz` builds and runs them.
var targets = ["FuzzKeys", "FuzzSSE", "FuzzEnvelope"]
var modules = ["RefrainKeys", "RefrainCore"]

// What fuzzes the shared tier builds NIOSSL too, which takes longer than all the rest.
if Context.environment["REFRAIN_FUZZ_REDIS"] != nil {
    targets += ["FuzzPacker", "FuzzRESP"]
    modules.append("RefrainRedis")
}

let package = Package(
    name: "refrain-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "refrain", path: "../")],
    targets: targets.map { name in
        .executableTarget(
            name: name,
            dependencies: modules.map { .product(name: $0, package: "refrain") },
            // libFuzzer brings the entry point.
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    },
    swiftLanguageModes: [.v6]
)
