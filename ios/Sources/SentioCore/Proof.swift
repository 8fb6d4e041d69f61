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

/// How long a loaded model takes on this device.
public struct BenchmarkReport: Encodable, Equatable, Sendable {
    public let model: String
    /// Such as `coreml waveform fp32`.
    public let artifact: String
    public let computing: String
    /// Such as `iPhone14,2`.
    public let machine: String
    public let system: String
    /// Answers before the clock ran, and while it did.
    public let warmUp: Int
    public let runs: Int
    /// Checking and loading; all times are in milliseconds.
    public let loadMs: Double
    public let p50Ms: Double
    public let p90Ms: Double
    public let p99Ms: Double
    /// The most memory that the whole process had, in bytes.
    public let peakMemoryBytes: Int
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

    /// Measures answers to a clip of noise; nothing else is answered meanwhile.
    ///
    /// - Parameters:
    ///   - runs: how many answers are timed, 1 to 10,000.
    ///   - warmUp: how many come before, 0 to 10,000.
    /// - Throws: `SentioError.parameter`, `.damaged`; `CancellationError`.
    public func benchmark(runs: Int = 50, warmUp: Int = 5) throws -> BenchmarkReport {
        guard (1...10_000).contains(runs), (0...10_000).contains(warmUp) else {
            throw SentioError.parameter("\(runs) runs after \(warmUp) are no benchmark; give 1 to 10000 runs")
        }
        let clip = Window(start: 0, heard: spec.audio.sampleCount, pcm: Sentio.noise(spec.audio.sampleCount))
        for _ in 0..<warmUp { _ = try answer(clip, song: "noise") }
        var times: [Double] = []
        for _ in 0..<runs { times.append(try answer(clip, song: "noise").inferenceMs) }
        times.sort()
        return BenchmarkReport(
            model: "\(folder.manifest.name) \(folder.manifest.release)", artifact: folder.artifact.label,
            computing: computing, machine: Device.machine, system: Device.system, warmUp: warmUp, runs: runs,
            loadMs: loadMs, p50Ms: Sentio.percentile(times, 50), p90Ms: Sentio.percentile(times, 90),
            p99Ms: Sentio.percentile(times, 99), peakMemoryBytes: Device.peakMemory)
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
