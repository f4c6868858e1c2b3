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

let testRules: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// A target of the library or the command. Dependencies point down only; see CONTRIBUTING.md.
func layer(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: rules)
}

/// The tests of the target `name`. They handle memory the way libraries do, so strict memory safety adds nothing.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies, exclude: exclude,
        swiftSettings: testRules)
}

let package = Package(
    name: "v2v-convert",
    products: [
        .library(name: "V2VConvert", targets: ["V2VConvert"]),
        .executable(name: "v2v-convert", targets: ["v2v-convert"]),
        // No API: for the package of the micro-benchmarks, which others can't reach into.
        .library(name: "_BenchmarkSubjects", targets: ["BenchmarkSubjects"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CLiburing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CISAL", pkgConfig: "libisal", providers: [.apt(["libisal-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CCryptsetup", pkgConfig: "libcryptsetup", providers: [.apt(["libcryptsetup-dev"])]),
        .systemLibrary(name: "CExt2fs", pkgConfig: "ext2fs", providers: [.apt(["libext2fs-dev"])]),
        .systemLibrary(name: "CLibnbd", pkgConfig: "libnbd", providers: [.apt(["libnbd-dev"])]),
        .systemLibrary(name: "CLZMA", pkgConfig: "liblzma", providers: [.apt(["liblzma-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE")]),

        layer("ByteLayout", []),
        layer("Locking", []),
        layer("NBD", ["CLibnbd", "Locking"]),
        layer("DiskImage", ["ByteLayout", "CLinux", "Locking", "NBD", system]),
        layer("Compression", ["CZstd", "CZlib", "CDeflate", "CISAL", "DiskImage"]),
        layer("RawFormat", ["DiskImage"]),
        layer("ChangeJournal", ["ByteLayout", "CLinux", "Digests", "DiskImage", system]),
        layer("VMDKFormat", ["ByteLayout", "DiskImage"]),
        layer("Encryption", ["ByteLayout", "CCryptsetup", "COpenSSL", "DiskImage", system]),
        layer("QCOW2Format", ["ByteLayout", "DiskImage", "Encryption"]),
        layer("VDIFormat", ["ByteLayout", "DiskImage"]),
        layer("VHDFormat", ["ByteLayout", "DiskImage"]),
        layer("VHDXFormat", ["ByteLayout", "DiskImage"]),
        layer("Digests", ["COpenSSL", "DiskImage"]),
        layer("ApplianceFormat", ["ByteLayout", "Digests", "DiskImage"]),
        layer("MachineDefinition", ["DiskImage"]),
        layer("RingIO", ["CLinux", "CLiburing"]),
        layer("GuestDisk", ["ByteLayout", "CLinux", "DiskImage", system]),
        layer("BtrfsFilesystem", ["ByteLayout", "CZlib", "CZstd", "Digests", "DiskImage", "GuestDisk"]),
        layer("FATFilesystem", ["ByteLayout", "GuestDisk"]),
        layer("ExtFilesystem", ["ByteLayout", "CExt2fs", "GuestDisk", "Locking"]),
        layer("XFSFilesystem", ["ByteLayout", "GuestDisk"]),
        layer(
            "Initramfs",
            ["ByteLayout", "CLZ4", "CLZMA", "CZlib", "CZstd", "Digests", "DiskImage", "GuestDisk"]),
        .target(
            name: "GuestFixups",
            dependencies: [
                "BtrfsFilesystem", "ByteLayout", "DiskImage", "ExtFilesystem", "FATFilesystem", "GuestDisk",
                "Initramfs",
                "XFSFilesystem", system, yams,
            ],
            // Part of the program, which needs no files beside it.
            resources: [.embedInCode("Resources")], swiftSettings: rules),
        layer(
            "Conversion",
            [
                "ByteLayout", "CLinux", "Compression", "Digests", "DiskImage", "Locking", "NBD", "RingIO", logging,
                system,
            ]),
        layer(
            "V2VConvert",
            [
                "ByteLayout", "ChangeJournal", "Conversion", "DiskImage", "GuestDisk", "GuestFixups", "Locking",
                "MachineDefinition", "NBD", "RawFormat", "VMDKFormat", "QCOW2Format",
                "VDIFormat",
                "VHDFormat", "VHDXFormat", "ApplianceFormat", logging, system,
            ]),
        .executableTarget(
            name: "v2v-convert",
            dependencies: ["V2VConvert", argumentParser, logging, system],
            swiftSettings: rules),

        // What the fuzzer does with an input, and the tests with every input that is kept: see Fuzz/README.md.
        .target(
            name: "FuzzTargets", dependencies: ["ByteLayout", "Compression", "Conversion", "DiskImage", "V2VConvert"],
            path: "Fuzz/Targets",
            swiftSettings: rules),

        // What the micro-benchmarks measure: see Benchmarks/README.md.
        .target(
            name: "BenchmarkSubjects",
            dependencies: [
                "ByteLayout", "Compression", "Conversion", "DiskImage", "QCOW2Format", "RingIO", "V2VConvert",
            ],
            path: "Benchmarks/Subjects",
            swiftSettings: rules),

        // Runs a command as if the kernel refused io_uring, as containers do.
        .executableTarget(name: "deny-io-uring", path: "Tests/DenyIOUring"),
        .target(
            name: "TestSupport", dependencies: ["ByteLayout", "CZlib", "CZstd", "DiskImage", "GuestDisk"],
            path: "Tests/TestSupport",
            swiftSettings: testRules),
        tests("ByteLayout"),
        tests("DiskImage"),
        tests("Compression", ["DiskImage", "CZlib"]),
        tests("ApplianceFormat", ["DiskImage"]),
        tests("VMDKFormat", ["DiskImage", "ByteLayout"]),
        tests("QCOW2Format", ["DiskImage", "ByteLayout"]),
        tests("GuestDisk", ["DiskImage"]),
        tests("GuestFixups", ["ByteLayout", "DiskImage", "GuestDisk"], exclude: ["Guests"]),
        .testTarget(
            name: "MachineDefinitionTests", dependencies: ["DiskImage", "MachineDefinition", "TestSupport"],
            exclude: ["kubevirt.schema.json"], swiftSettings: testRules),
        tests("RingIO"),
        tests("ExtFilesystem", ["ByteLayout", "CZlib", "GuestDisk"]),
        tests("XFSFilesystem", ["ByteLayout", "CLinux", "GuestDisk"]),
        tests("BtrfsFilesystem", ["ByteLayout", "CZlib", "GuestDisk"]),
        tests("FATFilesystem", ["ByteLayout", "GuestDisk"]),
        .testTarget(
            name: "CommitTests",
            dependencies: [
                "ByteLayout", "ChangeJournal", "Conversion", "DiskImage", "GuestDisk", "QCOW2Format", "TestSupport",
                "V2VConvert",
            ],
            swiftSettings: testRules),
        tests("Initramfs", ["GuestDisk"]),
        tests("FuzzTargets"),
        tests("V2VConvert", ["ByteLayout", "CZlib", "DiskImage", "GuestFixups", "MachineDefinition", logging, system]),
        .testTarget(
            name: "CommandTests", dependencies: ["ByteLayout", "TestSupport", "v2v-convert", "deny-io-uring", system],
            swiftSettings: testRules),
    ]
)

// Only `Fuzz/run` builds the fuzzer: without libFuzzer it has no `main`.
if Context.environment["V2V_FUZZ"] != nil {
    package.targets += [
        .systemLibrary(name: "CSanitizer", path: "Fuzz/CSanitizer"),
        .executableTarget(
            name: "fuzz", dependencies: ["CSanitizer", "FuzzTargets"], path: "Fuzz/Entry", swiftSettings: rules),
    ]
}
