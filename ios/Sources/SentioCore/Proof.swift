import Foundation

/// How near a loaded model is to the answers that every runtime must give.
public struct CheckReport: Encodable, Equatable, Sendable {
    /// Of the artifact, such as `coreml waveform fp32`.
    public let artifact: String
    public let computing: String
    /// How many golden vectors were answered.
    public let vectors: Int
    /// The largest difference of a valence or an arousal.
    public let maximumDifference: Double
    /// The largest difference that passes.
    public let tolerance: Double
    public let passed: Bool
}

/// How long a loaded model takes on this device: the form that `sentio-mobile benchmark --ios-results` reads.
public struct BenchmarkReport: Encodable, Equatable, Sendable {
    /// What measured.
    public struct DeviceFacts: Encodable, Equatable, Sendable {
        /// `phone`; `emulator`, which has the speed of the Mac that it runs on; or `computer`.
        public let kind: String
        public let maker: String
        /// Such as `iPhone14,2`.
        public let model: String
        public let system: String
    }

    /// The timed answers of one artifact.
    public struct Runs: Encodable, Equatable, Sendable {
        /// Such as `coreml waveform fp32`.
        public let artifact: String
        /// SHA-256, in lower-case hexadecimal, of each of its files.
        public let files: [String: String]
        public let runsOn: String
        /// How many answers came before the clock ran.
        public let warmUp: Int
        /// Of each answer, in the order in which they were made.
        public let milliseconds: [Double]
        /// Checking and loading.
        public let loadMs: Double
        /// How far answers are from the golden ones, at most; nil where the folder has none.
        public let goldenMaxDiff: Double?
        /// The most memory that the whole process had; nil where the system does not tell.
        public let peakMemoryBytes: Int?

        /// The least time that so many percent of the answers do not exceed, in milliseconds.
        public func percentile(_ percent: Int) -> Double { Sentio.percentile(milliseconds.sorted(), percent) }
    }

    public let schema: Int
    public let tool: String
    /// Name and release of the model.
    public let model: String
    public let device: DeviceFacts
    /// Date and time in UTC, as ISO 8601.
    public let measuredAt: String
    public let measured: [Runs]
    /// What was not timed, each with the reason.
    public let passedOver: [String]
}

extension Encodable {
    /// One JSON object with sorted keys, such as reports and answers are written with.
    public func sentioJSON() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension Sentio {
    /// Answers the folder's golden vectors and compares.
    ///
    /// - Throws: `SentioError.damaged` where the folder has none; what reading them throws.
    public func checkDevice() throws -> CheckReport {
        guard let golden = try folder.golden() else {
            throw SentioError.damaged("the model folder has no golden vectors; package the app again")
        }
        var worst = 0.0
        for index in 0..<golden.count {
            let clip = golden.clip(index, spec: spec.audio)
            let found = try answer(Window(start: 0, heard: clip.count, pcm: clip), song: "golden vector \(index)")
            worst = max(worst, abs(found.valence - Double(golden.outputs[index][0])))
            worst = max(worst, abs(found.arousal - Double(golden.outputs[index][1])))
        }
        return CheckReport(
            artifact: folder.artifact.label, computing: computing, vectors: golden.count, maximumDifference: worst,
            tolerance: folder.tolerance, passed: worst <= folder.tolerance)
    }

    /// Answers the golden vectors, then measures answers to a clip of noise; nothing else is answered meanwhile.
    ///
    /// - Parameters:
    ///   - runs: how many answers are timed, 50 to 10,000: fewer say nothing of the slowest of a hundred.
    ///   - warmUp: how many come before, 0 to 10,000.
    /// - Throws: `SentioError.parameter`, `.damaged`; `CancellationError`.
    public func benchmark(runs: Int = 50, warmUp: Int = 5) throws -> BenchmarkReport {
        guard (50...10_000).contains(runs), (0...10_000).contains(warmUp) else {
            throw SentioError.parameter("\(runs) runs after \(warmUp) are no benchmark; give 50 to 10000 runs")
        }
        let distance = try folder.golden() == nil ? nil : checkDevice().maximumDifference
        let clip = Window(start: 0, heard: spec.audio.sampleCount, pcm: Sentio.noise(spec.audio.sampleCount))
        for _ in 0..<warmUp { _ = try answer(clip, song: "noise") }
        var times: [Double] = []
        for _ in 0..<runs { times.append(try answer(clip, song: "noise").inferenceMs) }
        let names = folder.manifest.files(of: folder.artifact)
        let files = names.map { ($0, folder.manifest.files[$0]?.sha256 ?? "") }
        let memory = Device.peakMemory
        return BenchmarkReport(
            schema: 1, tool: "the iOS demo", model: "\(folder.manifest.name) \(folder.manifest.release)",
            device: Device.facts, measuredAt: ISO8601DateFormatter().string(from: Date()),
            measured: [
                BenchmarkReport.Runs(
                    artifact: folder.artifact.label, files: Dictionary(uniqueKeysWithValues: files), runsOn: computing,
                    warmUp: warmUp, milliseconds: times, loadMs: loadMs, goldenMaxDiff: distance,
                    peakMemoryBytes: memory > 0 ? memory : nil)
            ],
            passedOver: [])
    }

    /// The least value that so many percent of the values do not exceed.
    static func percentile(_ sorted: [Double], _ percent: Int) -> Double {
        sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }

    /// White noise of a tenth of full scale, the same each time.
    private static func noise(_ count: Int) -> [Float] {
        var state: UInt32 = 1
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return (Float(state >> 8) / Float(1 << 23) - 1) / 10
        }
    }
}
