import CoreML
import XCTest

@testable import SentioCore
@testable import SentioKit

/// Core ML on the golden vectors of the model that the demo carries.
final class GoldenTests: XCTestCase {
    private static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private let model = GoldenTests.package.appendingPathComponent("Demo/sentio")

    func testTheProcessorGivesTheGoldenAnswers() async throws {
        let report = try await Sentio.open(model, compute: .cpu).checkDevice()
        XCTAssertTrue(report.passed, "\(report)")
    }

    func testWhateverIsFastestGivesThemToo() async throws {
        for compute in ComputeUnits.allCases {
            let report = try await Sentio.open(model, compute: compute).checkDevice()
            XCTAssertTrue(report.passed, "\(report)")
            XCTAssertTrue(report.computing.hasPrefix("Core ML, "), report.computing)
        }
    }

    func testThePlacementIsToldWhereTheSystemKnowsIt() async throws {
        let computing = try await Sentio.open(model, compute: .all).computing
        if #available(iOS 17.4, macOS 14.4, *) {
            XCTAssertTrue(computing.contains(" operations on the "), computing)
        } else {
            XCTAssertTrue(computing.contains("does not tell"), computing)
        }
    }

    func testWhatSaysMoreThanItKnowsIsNotSaid() throws {
        let loaded = try CoreMLFactory(compute: .all).load(ModelFolder(model, formats: ["coreml"]))
        XCTAssertTrue(loaded.words("3 of 3 operations on the GPU").hasPrefix("Core ML, 3 of 3 operations on the GPU"))
        if loaded.units != .cpu { XCTAssertTrue(loaded.words(nil).contains("asked for all compute units")) }
    }

    func testEightBitsNeedANewerSystem() throws {
        let artifact = try ModelFolder(model, formats: ["coreml"]).artifact
        XCTAssertNil(CoreMLFactory().lack(for: artifact))
        let small = Manifest.Artifact(format: "coreml", precision: "int8", form: "waveform", path: "x", parity: nil)
        if #available(iOS 16.0, macOS 13.0, *) {
            XCTAssertNil(CoreMLFactory().lack(for: small))
        } else {
            XCTAssertNotNil(CoreMLFactory().lack(for: small))
        }
    }

    func testACompiledModelIsKeptAndMadeAgainWhereItIsBroken() throws {
        let folder = try ModelFolder(model, formats: CoreMLFactory().formats)
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let cache = CompiledModels(folder: place)
        let configuration = MLModelConfiguration()
        configuration.computeUnits = .cpuOnly
        _ = try cache.load(folder, configuration: configuration)
        let kept = cache.files.url(for: folder)
        XCTAssertTrue(FileManager.default.fileExists(atPath: kept.path))
        _ = try cache.load(folder, configuration: configuration)
        try FileManager.default.removeItem(at: kept)
        try Data("no model".utf8).write(to: kept)
        let model = try cache.load(folder, configuration: configuration).model
        let again = try CoreMLBackend(model, folder: folder, computing: "")
        let proof = try XCTUnwrap(folder.proof())
        let found = try again.run(proof.input)
        for (value, wanted) in zip(found, proof.output) { XCTAssertEqual(value, wanted, accuracy: 1e-3) }
    }

    func testNeuralNetworksOnSoundStayOnTheProcessor() throws {
        XCTAssertNil(CoreMLFactory.processorOnly(try ModelFolder(model, formats: ["coreml"])))
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: copy) }
        try FileManager.default.copyItem(at: model, to: copy)
        let manifest = copy.appendingPathComponent("manifest.json")
        let text = try String(contentsOf: manifest, encoding: .utf8)
            .replacingOccurrences(of: "\"format\": \"coreml\"", with: "\"format\": \"mlmodel\"")
        try Data(text.utf8).write(to: manifest)
        XCTAssertNotNil(CoreMLFactory.processorOnly(try ModelFolder(copy, formats: ["mlmodel"])))
    }

    func testLatency() throws {
        let folder = try ModelFolder(model, formats: CoreMLFactory().formats)
        let backend = try CoreMLBackend(CoreMLFactory().load(folder).model, folder: folder, computing: "")
        let proof = try XCTUnwrap(folder.proof())
        measure {
            for _ in 0..<10 { XCTAssertEqual(try? backend.run(proof.input).count, 2) }
        }
    }
}
