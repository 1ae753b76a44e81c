// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "refrain-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "refrain", path: "../"),
        // Its default traits intercept malloc and the runtime, which needs more packages.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    ],
    targets: [
        .executableTarget(
            name: "KeyDerivation",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "RefrainKeys", package: "refrain"),
            ],
            path: "Benchmarks/KeyDerivation",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        )
    ],
    swiftLanguageModes: [.v6]
)
