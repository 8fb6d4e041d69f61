import XCTest

@testable import SentioCore

/// Model folders from strangers: each fault is an error of its own kind, in one line.
final class ModelFolderTests: XCTestCase {
    private var made: [URL] = []

    override func tearDown() {
        for url in made { try? FileManager.default.removeItem(at: url) }
    }

    private func fault(_ url: URL, formats: [String] = ["fake"]) async -> SentioError? {
        made.append(url)
        return await caught { _ = try ModelFolder(url, formats: formats) }
    }

    func testTheDemosModelOpens() throws {
        let folder = try ModelFolder(Support.model, formats: ["coreml", "mlmodel"])
        XCTAssertEqual(folder.spec.audio.sampleCount, 661_500)
        XCTAssertEqual(folder.spec.audio.frameCount, 1_292)
        XCTAssertEqual(folder.spec.inputShape(.spectrogram), [1, 3, 224, 224])
        XCTAssertFalse(folder.manifest.files(of: folder.artifact).isEmpty)
        XCTAssertTrue(FileManager.default.fileExists(atPath: folder.artifactURL.path))
        XCTAssertEqual(try XCTUnwrap(folder.golden()).count, 4)
        XCTAssertEqual(folder.artifactDigest.count, 64)
    }

    func testANewerSchema() async throws {
        // A newer manifest may look quite different; it is its schema that counts.
        let error = await fault(try Support.folder(changes: ["schema": 4, "spec": "elsewhere"]))
        guard case .newerSchema(let text)? = error else { return XCTFail("\(String(describing: error))") }
        XCTAssertTrue(text.contains("update the app"), text)
    }

    func testAnOlderSchema() async throws {
        let error = await fault(try Support.folder(changes: ["schema": 2]))
        guard case .damaged? = error else { return XCTFail("\(String(describing: error))") }
    }

    func testATamperedModel() async throws {
        let url = try Support.folder()
        try Data("A model".utf8).write(to: url.appendingPathComponent("model.fake"))
        let error = await fault(url)
        guard case .tampered(let text)? = error else { return XCTFail("\(String(describing: error))") }
        XCTAssertTrue(text.hasPrefix("model.fake: "), text)
    }

    func testATamperedPartOfAPackage() async throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: Support.model, to: url)
        let folder = try ModelFolder(url, formats: ["coreml"])
        let files = folder.manifest.files(of: folder.artifact)
        let weights = url.appendingPathComponent(try XCTUnwrap(files.last { $0.hasSuffix("weight.bin") }))
        var data = try Data(contentsOf: weights)
        data[data.count / 2] ^= 1
        try data.write(to: weights)
        let error = await fault(url, formats: ["coreml"])
        guard case .tampered? = error else { return XCTFail("\(String(describing: error))") }
    }

    func testTamperedGoldenVectors() async throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        made.append(url)
        try FileManager.default.copyItem(at: Support.model, to: url)
        try Data("{}".utf8).write(to: url.appendingPathComponent("golden.safetensors"))
        let folder = try ModelFolder(url, formats: ["coreml"])
        let error = await caught { _ = try folder.golden() }
        guard case .tampered? = error else { return XCTFail("\(String(describing: error))") }
    }

    func testMissingFiles() async throws {
        let url = try Support.folder()
        try FileManager.default.removeItem(at: url.appendingPathComponent("model.fake"))
        let model = await fault(url)
        guard case .missingFile(let text)? = model else { return XCTFail("\(String(describing: model))") }
        XCTAssertTrue(text.contains("model.fake"), text)
        let manifest = await fault(url.appendingPathComponent("nowhere"))
        guard case .missingFile? = manifest else { return XCTFail("\(String(describing: manifest))") }
    }

    func testDamagedManifests() async throws {
        let url = try Support.folder()
        for text in ["", "{", "[]", "{\"schema\": \"3\"}", "{\"schema\": 3}", "{\"schema\": 3, \"spec\": {}}"] {
            try Data(text.utf8).write(to: url.appendingPathComponent("manifest.json"))
            let error = await fault(url)
            guard case .damaged? = error else { return XCTFail("\(text): \(String(describing: error))") }
        }
    }

    func testImpossibleSpecs() async throws {
        let impossible: [[String: Any]] = [
            ["sample_rate": 0], ["seconds": -1], ["seconds": 1e300], ["n_fft": 1_000], ["hop_length": 0],
            ["n_mels": 0], ["f_max": 20_000], ["floor_db": 0], ["image_size": [224]], ["image_size": [0, 224]],
            ["normalization": "other"], ["short_clip": "other"], ["seconds": 0.01],
        ]
        for audio in impossible {
            let error = await fault(try Support.folder(audio: audio))
            guard case .damaged? = error else { return XCTFail("\(audio): \(String(describing: error))") }
        }
        let others: [[String: Any]] = [
            ["outputs": ["arousal", "valence"]], ["image_sd": [1, 1, 0]], ["image_mean": [0]], ["pooling": "maximum"],
            ["uncertainty": ["coverage": 0.9, "half_width": [0.1], "songs": 5]],
        ]
        for spec in others {
            let error = await fault(try Support.folder(spec: spec))
            guard case .damaged? = error else { return XCTFail("\(spec): \(String(describing: error))") }
        }
    }

    func testNoModelForThisSystem() async throws {
        let foreign = await fault(try Support.folder(), formats: ["coreml"])
        guard case .noArtifact(let text)? = foreign else { return XCTFail("\(String(describing: foreign))") }
        XCTAssertTrue(text.contains("fake waveform fp32") && text.contains("coreml"), text)
        let unknown = await fault(try Support.folder(form: "hologram"))
        guard case .noArtifact? = unknown else { return XCTFail("\(String(describing: unknown))") }
        let none = await fault(try Support.folder(changes: ["artifacts": [Any]()]))
        guard case .noArtifact? = none else { return XCTFail("\(String(describing: none))") }
    }

    func testWhatTheSystemIsTooOldForIsPassedOver() async throws {
        let small = ["format": "fake", "precision": "int8", "form": "waveform", "path": "model.fake"]
        let plain = ["format": "fake", "precision": "fp16", "form": "waveform", "path": "model.fake"]
        let old = FakeFactory(backend: FakeBackend(), lacks: ["int8": "iOS 16"])
        let both = try Support.folder(changes: ["artifacts": [small, plain]])
        let only = try Support.folder(changes: ["artifacts": [small]])
        made += [both, only]
        let opened = try await Sentio.open(both, backends: [old])
        XCTAssertEqual(opened.folder.artifact.precision, "fp16")
        let newer = try await Sentio.open(both, backends: [old, FakeFactory(backend: FakeBackend())])
        XCTAssertEqual(newer.folder.artifact.precision, "int8", "one back end is enough")
        let error = await caught { _ = try await Sentio.open(only, backends: [old]) }
        guard case .noArtifact(let text)? = error else { return XCTFail("\(String(describing: error))") }
        XCTAssertTrue(text.contains("fake waveform int8, which needs iOS 16"), text)
    }

    func testTheFirstThatCanBeRunIsChosen() throws {
        let url = try Support.folder(changes: [
            "artifacts": [
                ["format": "tflite", "precision": "fp32", "form": "waveform", "path": "absent.tflite"],
                ["format": "fake", "precision": "int8", "form": "waveform", "path": "model.fake"],
                ["format": "fake", "precision": "fp32", "form": "waveform", "path": "absent.fake"],
            ]
        ])
        made.append(url)
        XCTAssertEqual(try ModelFolder(url, formats: ["fake"]).artifact.precision, "int8")
    }

    func testPathsOutsideTheFolder() async throws {
        let entry: [String: Any] = ["sha256": "0", "bytes": 1]
        for path in ["../model.fake", "/etc/hosts", "a/../../b", "a//b"] {
            let error = await fault(
                try Support.folder(changes: [
                    "artifacts": [["format": "fake", "precision": "fp32", "form": "waveform", "path": path]],
                    "files": [path: entry],
                ]))
            guard case .damaged? = error else { return XCTFail("\(path): \(String(describing: error))") }
        }
    }

    func testAModelWithoutAHash() async throws {
        let error = await fault(try Support.folder(changes: ["files": [String: Any]()]))
        guard case .damaged(let text)? = error else { return XCTFail("\(String(describing: error))") }
        XCTAssertTrue(text.contains("no hash"), text)
    }
}
