import XCTest

@testable import SentioCore

final class ProofTests: XCTestCase {
    /// Knows the demo's golden answers by the sound; a stand-in for a runtime that is right, or off by `error`.
    private struct Oracle: BackendFactory, Backend {
        let clips: [[Float]]
        let outputs: [[Float]]
        var error: Float = 0
        var formats: [String] { ["coreml"] }
        var computing: String { "an oracle" }

        func open(_ folder: ModelFolder) async throws -> any Backend { self }

        func run(_ input: [Float]) throws -> [Float] {
            guard let index = clips.firstIndex(of: input) else { return [0, 0] }
            return [outputs[index][0] + error, outputs[index][1]]
        }
    }

    private func oracle(error: Float = 0) throws -> Oracle {
        let folder = try ModelFolder(Support.model, formats: ["coreml"])
        let golden = try XCTUnwrap(folder.golden())
        let clips = (0..<golden.count).map { golden.clip($0, spec: folder.spec.audio) }
        return Oracle(clips: clips, outputs: golden.outputs, error: error)
    }

    func testTheGoldenVectorsDecide() async throws {
        let right = try await Sentio.open(Support.model, backends: [oracle()]).checkDevice()
        XCTAssertTrue(right.passed)
        XCTAssertEqual(right.vectors, 4)
        XCTAssertEqual(right.maximumDifference, 0)
        let wrong = try await Sentio.open(Support.model, backends: [oracle(error: 0.05)]).checkDevice()
        XCTAssertFalse(wrong.passed)
        XCTAssertEqual(wrong.maximumDifference, 0.05, accuracy: 1e-6)
        XCTAssertTrue(try wrong.sentioJSON().contains("\"maximum_difference\""))
    }

    func testOpeningAndCheckingHaveOneTolerance() async throws {
        let folder = try ModelFolder(Support.model, formats: ["coreml"])
        let report = try await Sentio.open(Support.model, backends: [oracle()]).checkDevice()
        XCTAssertEqual(report.tolerance, folder.tolerance)
        XCTAssertEqual(folder.tolerance, 1e-3, "fp32 states less, which fast processors do not reach")
    }

    func testGoldenOutputsAreSpread() throws {
        let outputs = try oracle().outputs
        for index in 0..<2 {
            let values = outputs.map { $0[index] }
            let least = try XCTUnwrap(values.min()), greatest = try XCTUnwrap(values.max())
            XCTAssertGreaterThan(greatest - least, 0.2)
        }
    }

    func testAFolderWithoutGoldenVectors() async throws {
        let sentio = try await Support.sentio()
        let error = await caught { _ = try await sentio.checkDevice() }
        guard case .damaged? = error else { return XCTFail("\(String(describing: error))") }
    }

    func testTheBenchmarkTimesWhatItSays() async throws {
        let backend = FakeBackend(pause: 0.002)
        let sentio = try await Support.sentio(backend, audio: ["seconds": 0.1])
        let report = try await sentio.benchmark(runs: 50, warmUp: 3)
        XCTAssertEqual(backend.inputSizes.count, 53)
        let runs = try XCTUnwrap(report.measured.first)
        XCTAssertEqual(runs.milliseconds.count, 50)
        XCTAssertGreaterThanOrEqual(runs.percentile(50), 2)
        XCTAssertLessThanOrEqual(runs.percentile(50), runs.percentile(90))
        XCTAssertLessThanOrEqual(runs.percentile(90), runs.percentile(99))
        XCTAssertGreaterThan(try XCTUnwrap(runs.peakMemoryBytes), 1_000_000)
        XCTAssertNil(runs.goldenMaxDiff, "the folder has no golden vectors")
        XCTAssertFalse(report.device.model.isEmpty)
        let error = await caught { _ = try await sentio.benchmark(runs: 49) }
        guard case .parameter? = error else { return XCTFail("\(String(describing: error))") }
    }

    func testTheReportHasTheFormThatPythonReads() async throws {
        let report = try await Sentio.open(Support.model, backends: [oracle(error: 0.05)]).benchmark()
        let json = try JSONSerialization.jsonObject(with: Data(report.sentioJSON().utf8)) as? [String: Any]
        let keys = ["device", "measured", "measured_at", "model", "passed_over", "schema", "tool"]
        XCTAssertEqual(json?.keys.sorted(), keys)
        let runs = try XCTUnwrap((json?["measured"] as? [[String: Any]])?.first)
        XCTAssertEqual(
            runs.keys.sorted(),
            [
                "artifact", "files", "golden_max_diff", "load_ms", "milliseconds", "peak_memory_bytes", "runs_on",
                "warm_up",
            ])
        XCTAssertEqual(try XCTUnwrap(runs["golden_max_diff"] as? Double), 0.05, accuracy: 1e-6)
        // The paths are keys, too, and are not to be changed as names of fields are.
        let files = try XCTUnwrap(runs["files"] as? [String: String])
        let folder = try ModelFolder(Support.model, formats: ["coreml"])
        XCTAssertEqual(files.keys.sorted(), folder.manifest.files(of: folder.artifact))
        XCTAssertTrue(files.values.allSatisfy { $0.count == 64 })
    }

    func testPercentiles() {
        let hundred = (1...100).map { Double($0) }
        XCTAssertEqual([50, 90, 99, 100].map { Sentio.percentile(hundred, $0) }, [50, 90, 99, 100])
        XCTAssertEqual(Sentio.percentile([7], 50), 7)
    }
}
