// swift-tools-version: 6.0

import PackageDescription

let package = Package(
    name: "trader",
    platforms: [.macOS(.v13)],
    dependencies: [.package(name: "Meshbook", path: "../../../bindings-uniffi/swift")],
    targets: [
        .executableTarget(name: "trader", dependencies: [.product(name: "Meshbook", package: "Meshbook")])
    ],
    swiftLanguageModes: [.v6]
)
