import Foundation
import XCTest

@testable import SentioCore

/// What tests of several subjects need.
enum Support {
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The model that the demo carries.
    static let model = package.appendingPathComponent("Demo/sentio")

    /// A file that the tests of every language read. It lies in the package's own repository, or in the one that the package
    /// is a folder of; a packaged project has none, and skips these tests.
    static func shared(_ name: String) throws -> Data {
        for root in [package, package.deletingLastPathComponent()] {
            let url = root.appendingPathComponent("export/golden").appendingPathComponent(name)
            if let data = try? Data(contentsOf: url) { return data }
        }
        throw XCTSkip("needs export/golden/\(name), which is not here")
    }

    /// The golden vectors of the repository.
    static func sharedGolden() throws -> Safetensors {
        try Safetensors(shared("golden.safetensors"), name: "golden.safetensors")
    }

    /// The demo's manifest as JSON that a test may change.
    static func manifest() throws -> [String: Any] {
        let data = try Data(contentsOf: model.appendingPathComponent("manifest.json"))
        return try XCTUnwrap(JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    /// A spec like the demo's, some of its fields changed.
    static func spec(_ changes: [String: Any] = [:], audio: [String: Any] = [:]) throws -> ModelSpec {
        var spec = try XCTUnwrap(manifest()["spec"] as? [String: Any])
        var front = try XCTUnwrap(spec["audio"] as? [String: Any])
        front.merge(audio) { _, new in new }
        spec["audio"] = front
        spec.merge(changes) { _, new in new }
        return try JSONDecoder().decode(ModelSpec.self, from: JSONSerialization.data(withJSONObject: spec))
    }

    /// A model folder of one file, `model.fake`, in a place that the test removes.
    static func folder(
        spec: [String: Any] = [:], audio: [String: Any] = [:], form: String = "waveform", changes: [String: Any] = [:]
    ) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let content = Data("a model".utf8)
        try content.write(to: url.appendingPathComponent("model.fake"))
        var manifest = try self.manifest()
        var own = try XCTUnwrap(manifest["spec"] as? [String: Any])
        var front = try XCTUnwrap(own["audio"] as? [String: Any])
        front.merge(audio) { _, new in new }
        own["audio"] = front
        own.merge(spec) { _, new in new }
        manifest["spec"] = own
        manifest["artifacts"] = [["format": "fake", "precision": "fp32", "form": form, "path": "model.fake"]]
        manifest["files"] = ["model.fake": ["sha256": FileDigest.hex(of: content), "bytes": content.count]]
        manifest.merge(changes) { _, new in new }
        try JSONSerialization.data(withJSONObject: manifest).write(to: url.appendingPathComponent("manifest.json"))
        return url
    }

    static func sentio(
        _ backend: FakeBackend = FakeBackend(), spec: [String: Any] = [:], audio: [String: Any] = [:],
        form: String = "waveform"
    ) async throws -> Sentio {
        let url = try folder(spec: spec, audio: audio, form: form)
        defer { try? FileManager.default.removeItem(at: url) }
        return try await Sentio.open(url, backends: [FakeFactory(backend: backend)])
    }

    /// A sine of amplitude 1.
    static func tone(_ hertz: Double, rate: Int, count: Int) -> [Float] {
        (0..<count).map { Float(sin(2 * Double.pi * hertz * Double($0) / Double(rate))) }
    }
}

/// Answers with the mean of its input, and with how much of it is not zero; counts how often, and how many at once.
final class FakeBackend: Backend, @unchecked Sendable {
    let computing = "a fake"
    private let lock = NSLock()
    private let pause: TimeInterval
    private let fixed: [Float]?
    private var running = 0
    private var most = 0
    private var sizes: [Int] = []

    init(pause: TimeInterval = 0, answer: [Float]? = nil) {
        self.pause = pause
        fixed = answer
    }

    func run(_ input: [Float]) -> [Float] {
        lock.lock()
        running += 1
        most = max(most, running)
        sizes.append(input.count)
        lock.unlock()
        if pause > 0 { Thread.sleep(forTimeInterval: pause) }
        lock.lock()
        running -= 1
        lock.unlock()
        if let fixed = fixed { return fixed }
        let sum = input.reduce(0.0) { $0 + Double($1) }
        let sounding = input.filter { $0 != 0 }.count
        return [Float(sum / Double(input.count)), Float(sounding) / Float(input.count)]
    }

    var mostAtOnce: Int { locked { most } }
    var inputSizes: [Int] { locked { sizes } }

    private func locked<T>(_ body: () -> T) -> T {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }
}

struct FakeFactory: BackendFactory {
    let backend: FakeBackend
    /// By precision.
    var lacks: [String: String] = [:]
    var formats: [String] { ["fake"] }
    func lack(for artifact: Manifest.Artifact) -> String? { lacks[artifact.precision] }
    func open(_ folder: ModelFolder) async throws -> any Backend { backend }
}

/// Runs something that must throw an error of the SDK and gives it.
func caught(_ body: () async throws -> Void, line: UInt = #line) async -> SentioError? {
    do {
        try await body()
        XCTFail("nothing was thrown", line: line)
    } catch let error as SentioError {
        XCTAssertFalse(error.message.contains("\n"), line: line)
        return error
    } catch {
        XCTFail("\(error) is no error of the SDK", line: line)
    }
    return nil
}
