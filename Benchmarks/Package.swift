// swift-tools-version: 6.1
import PackageDescription

// Micro-benchmarks: see README.md. A package of its own, so that nobody who builds v2v-convert builds what measures it.
let package = Package(
    name: "benchmarks",
    dependencies: [
        // By name, because the folder may have any.
        .package(name: "v2v-convert", path: ".."),
        // Without its traits: they put libraries in front of malloc and of Swift's runtime, and count nothing we use.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Micro",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "_BenchmarkSubjects", package: "v2v-convert"),
            ],
            path: "Micro",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ]
)
