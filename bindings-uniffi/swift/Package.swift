// swift-tools-version: 6.0

import PackageDescription

// `cargo xtask swift` writes the library, its header and the Swift code over it, on a Mac `make-xcframework.sh`.
#if os(macOS)
    let library: Target = .binaryTarget(name: "meshbookFFI", path: "Meshbook.xcframework")
    let linking: [LinkerSetting] = []
#else
    let library: Target = .systemLibrary(name: "meshbookFFI")
    // An absolute path: the one that is linked may be another package, in another folder.
    let linking: [LinkerSetting] = [
        .unsafeFlags(["-L\(Context.packageDirectory)/Sources/meshbookFFI"]),
        // What Rust's panics are unwound by, and its floating point.
        .linkedLibrary("gcc_s"), .linkedLibrary("m"),
    ]
#endif

let package = Package(
    name: "Meshbook",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [.library(name: "Meshbook", targets: ["Meshbook"])],
    targets: [
        library,
        .target(name: "MeshbookNative", dependencies: ["meshbookFFI"], linkerSettings: linking),
        .target(name: "Meshbook", dependencies: ["MeshbookNative"]),
        // A node in a process of its own, for the tests.
        .executableTarget(name: "Maker", dependencies: ["Meshbook"], path: "Tests/Maker"),
        .testTarget(name: "MeshbookTests", dependencies: ["Meshbook", "Maker"]),
    ],
    swiftLanguageModes: [.v6]
)
