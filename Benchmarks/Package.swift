// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "refrain-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "refrain", path: "../"),
        // Its default traits intercept malloc and the runtime, which needs more packages.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.0", traits: []),
    ],
    targets: [
        // Counts heap allocations: the same counter that tests have.
        .target(name: "CAllocationCounter", path: "CAllocationCounter"),
        .executableTarget(
            name: "Latency",
            dependencies: [
                "CAllocationCounter",
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "RefrainBench", package: "refrain"),
            ],
            path: "Benchmarks/Latency",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]
        ),
    ],
    swiftLanguageModes: [.v6]
)
