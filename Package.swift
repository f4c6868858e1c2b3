// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built with the same rules: Swift 6 language mode, strict memory safety, warnings are errors,
/// imports are internal unless said otherwise.
let rules: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// A target of the library or the command. Dependencies point down only; see CONTRIBUTING.md.
func layer(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: rules)
}

let package = Package(
    name: "v2v-convert",
    products: [
        .library(name: "V2VConvert", targets: ["V2VConvert"]),
        .executable(name: "v2v-convert", targets: ["v2v-convert"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .systemLibrary(name: "CLiburing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),

        layer("ByteLayout", []),
        layer("DiskImage", ["ByteLayout", "CLinux", system]),
        layer("Compression", ["CZstd", "CZlib", "CDeflate", "CISAL", "DiskImage"]),
        layer("RawFormat", ["DiskImage"]),
        layer("VMDKFormat", ["ByteLayout", "DiskImage"]),
        layer("QCOW2Format", ["ByteLayout", "DiskImage"]),
        layer("RingIO", ["CLinux", "CLiburing"]),
        layer("Conversion", ["ByteLayout", "CLinux", "Compression", "DiskImage", "RingIO", logging, system]),
        layer(
            "V2VConvert",
            ["Conversion", "DiskImage", "RawFormat", "VMDKFormat", "QCOW2Format", logging, system]),
        .executableTarget(
            name: "v2v-convert",
            dependencies: ["V2VConvert", "CLinux", argumentParser, logging, system],
            swiftSettings: rules),
    ]
)
