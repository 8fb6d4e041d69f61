// swift-tools-version: 5.9
import PackageDescription

// Warnings today, errors in Swift 6: data that crosses actors is checked now.
let strict: [SwiftSetting] = [.enableExperimentalFeature("StrictConcurrency")]

var products: [Product] = [
    .library(name: "SentioCore", targets: ["SentioCore"])
]
var targets: [Target] = [
    .target(name: "SentioCore", swiftSettings: strict),
    .testTarget(name: "SentioCoreTests", dependencies: ["SentioCore"], swiftSettings: strict),
]

// Core ML and AVFoundation exist on Apple's systems only; the core builds and is tested on Linux too.
#if canImport(Darwin)
products += [
    .library(name: "SentioKit", targets: ["SentioKit"]),
    .executable(name: "sentio-cli", targets: ["sentio-cli"]),
]
targets += [
    .target(name: "SentioKit", dependencies: ["SentioCore"], swiftSettings: strict),
    .executableTarget(name: "sentio-cli", dependencies: ["SentioKit"], swiftSettings: strict),
    .testTarget(name: "SentioKitTests", dependencies: ["SentioKit"], swiftSettings: strict),
]
#endif

let package = Package(
    name: "Sentio",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: products,
    targets: targets
)
