// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "refrain",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Refrain", targets: ["Refrain"]),
        .library(name: "RefrainKeys", targets: ["RefrainKeys"]),
        .library(name: "RefrainCore", targets: ["RefrainCore"]),
        .library(name: "RefrainRedis", targets: ["RefrainRedis"]),
        .library(name: "RefrainBench", targets: ["RefrainBench"]),
        .library(name: "RefrainGateway", targets: ["RefrainGateway"]),
        .library(name: "RefrainSimulator", targets: ["RefrainSimulator"]),
        .library(name: "RefrainTesting", targets: ["RefrainTesting"]),
        .executable(name: "refrain", targets: ["RefrainCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.34.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The cache key: JSON scanner, canonical form, scopes, explain.
        .target(
            name: "RefrainKeys",
            dependencies: [.product(name: "Crypto", package: "swift-crypto")]
        ),
        // Wire types, cache, memory store. Links neither libcurl nor hiredis.
        .target(
            name: "RefrainCore",
            dependencies: [
                "RefrainKeys",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ]
        ),
        // libcurl, and the typed functions that its variadic API needs.
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        // What people import: the cached client.
        .target(
            name: "Refrain",
            dependencies: [
                "CCurl", "RefrainCore", "RefrainKeys",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        // hiredis's formatter and reader, behind one interface for its versions 0.14 and 1.x.
        .target(name: "CHiredis", linkerSettings: [.linkedLibrary("hiredis")]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        // The shared tier: many instances, one Redis.
        .target(
            name: "RefrainRedis",
            dependencies: [
                "CHiredis", "CZlib", "RefrainCore", "RefrainKeys",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ]
        ),
        .target(
            name: "RefrainSimulator",
            dependencies: [
                "RefrainCore", "RefrainKeys",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        // The drop-in HTTP server, its metrics and its dashboard.
        .target(
            name: "RefrainGateway",
            dependencies: [
                "CZlib", "Refrain", "RefrainCore", "RefrainKeys",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            resources: [.embedInCode("Admin/dashboard.html")]
        ),
        // Trace readers, workloads, simulators and reports.
        .target(
            name: "RefrainBench",
            dependencies: [
                "Refrain", "RefrainCore", "RefrainKeys", .product(name: "Crypto", package: "swift-crypto"),
            ]
        ),
        .target(name: "RefrainTesting", dependencies: ["RefrainCore", "RefrainKeys"]),
        .executableTarget(
            name: "RefrainCommand",
            dependencies: [
                "Refrain", "RefrainBench", "RefrainCore", "RefrainGateway", "RefrainKeys", "RefrainRedis",
                "RefrainSimulator",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]
        ),
        // A program of RefrainCore alone: what it links is checked.
        .executableTarget(
            name: "RefrainLinkageCheck",
            dependencies: ["RefrainCore", "RefrainKeys"],
            path: "Tests/LinkageCheck"
        ),
        // The server library alone: what the gateway's speed is measured beside.
        .executableTarget(
            name: "RefrainGatewayBaseline",
            dependencies: [
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/GatewayBaseline"
        ),
        // Counts heap allocations in tests of the hit path.
        .target(name: "CAllocationCounter", path: "Tests/CAllocationCounter"),
        // What tests of several modules share: executables, certificates, and the official Python SDK.
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .testTarget(
            name: "RefrainKeysTests",
            dependencies: ["CAllocationCounter", "RefrainKeys", .product(name: "Crypto", package: "swift-crypto")]
        ),
        .testTarget(
            name: "RefrainCoreTests",
            dependencies: [
                "CAllocationCounter", "RefrainCore", "RefrainKeys", "RefrainTesting", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "RefrainTests",
            dependencies: [
                "CAllocationCounter", "Refrain", "RefrainCore", "RefrainKeys", "RefrainSimulator", "RefrainTesting",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "RefrainRedisTests",
            dependencies: [
                "CHiredis", "Refrain", "RefrainRedis", "RefrainCore", "RefrainKeys", "RefrainTesting", "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            exclude: ["Figures/redis_py.py"]
        ),
        .testTarget(
            name: "RefrainGatewayTests",
            dependencies: [
                "Refrain", "RefrainCore", "RefrainGateway", "RefrainKeys", "RefrainSimulator", "RefrainTesting",
                "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            exclude: ["Python/sdk_gateway.py", "Python/controls_check.py", "Python/dashboard_check.py"]
        ),
        .testTarget(
            name: "RefrainBenchTests",
            dependencies: ["Refrain", "RefrainBench", "RefrainCore", "RefrainKeys", "RefrainTesting", "TestSupport"]
        ),
        .testTarget(
            name: "RefrainSimulatorTests",
            dependencies: [
                "RefrainSimulator", "RefrainCore", "RefrainKeys", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Python/sdk_check.py"]
        ),
        .testTarget(
            name: "RefrainCommandTests",
            dependencies: [
                "Refrain", "RefrainBench", "RefrainCommand", "RefrainCore", "RefrainKeys", "RefrainRedis",
                "TestSupport",
                .product(name: "SystemPackage", package: "swift-system"),
            ]
        ),
    ],
    swiftLanguageModes: [.v6]
)

// One set of strict settings for every Swift target.
for target in package.targets where !["CCurl", "CHiredis", "CZlib", "CAllocationCounter"].contains(target.name) {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
}

// What CI runs under a sanitizer, without the parts that take long to build: scripts/sanitize address core.
if Context.environment["REFRAIN_CORE_ONLY"] != nil {
    let core: Set = [
        "CAllocationCounter", "CCurl", "Refrain", "RefrainCore", "RefrainKeys", "RefrainSimulator", "RefrainTesting",
        "RefrainCoreTests", "RefrainKeysTests", "RefrainTests", "TestSupport",
    ]
    package.targets.removeAll { !core.contains($0.name) }
    package.products.removeAll { !core.contains($0.name) }
}
