import Foundation

#if canImport(Accelerate)
import Accelerate
#endif

/// A stretch of mono sound as it comes from a microphone or a file.
public struct PCMBlock: Sendable {
    /// Full scale at -1 and 1.
    public let samples: [Float]
    /// Samples a second.
    public let sampleRate: Int

    public init(samples: [Float], sampleRate: Int) {
        self.samples = samples
        self.sampleRate = sampleRate
    }
}

/// What every sound goes through before a model hears it, apart from resampling.
public enum PCM {
    /// Above it, samples are no sound: full scale is 1, and 2^31 where integers were taken for floats.
    static let loudest: Float = 1e9
    /// Below it, a sample rate in hertz belongs to no music; a header lies.
    static let slowest = 1_000

    /// Makes sure that samples are sound, or silence.
    ///
    /// - Throws: `SentioError.audio` where there are none, or one is no number or far beyond full scale.
    public static func check(_ pcm: [Float], name: String) throws {
        if pcm.isEmpty { throw SentioError.audio("\(name): holds no samples; give sound that is not empty") }
        for sample in pcm where !(abs(sample) <= loudest) {
            throw SentioError.audio(
                sample.isFinite
                    ? "\(name): holds samples of \(sample) where full scale is 1; decode it again from its source"
                    : "\(name): holds samples that are not numbers; decode it again from its source")
        }
    }

    /// Makes sure that a sample rate is one of music, in whole hertz.
    ///
    /// - Throws: `SentioError.audio`.
    public static func checkedRate(_ rate: Double, name: String) throws -> Int {
        guard rate.isFinite, rate >= Double(slowest), rate <= 10_000_000 else {
            throw SentioError.audio("\(name): states \(rate) samples a second, no rate of music; decode it again")
        }
        return Int(rate.rounded())
    }

    /// The mean over channels of sound whose channels take turns.
    ///
    /// - Parameters:
    ///   - interleaved: first sample of each channel, then the second of each, and so on.
    ///   - channels: how many; 8 for 7.1.
    /// - Throws: `SentioError.audio` where the samples are no whole number of frames.
    public static func downmix(interleaved: [Float], channels: Int) throws -> [Float] {
        guard channels >= 1, interleaved.count % channels == 0 else {
            throw SentioError.audio(
                "PCM of \(interleaved.count) samples is no whole number of frames of \(channels) channels; "
                    + "give the right number of channels")
        }
        if channels == 1 { return interleaved }
        return stride(from: 0, to: interleaved.count, by: channels).map { first in
            interleaved[first..<first + channels].reduce(0, +) / Float(channels)
        }
    }

    /// The mean over channels of equal length.
    public static func downmix(planes: [UnsafeBufferPointer<Float>]) -> [Float] {
        guard let first = planes.first else { return [] }
        var mono = Array(first)
        for plane in planes.dropFirst() {
            for i in mono.indices { mono[i] += plane[i] }
        }
        if planes.count > 1 {
            for i in mono.indices { mono[i] /= Float(planes.count) }
        }
        return mono
    }

    /// One clip of exactly the spec's length: the beginning of longer sound; shorter is filled up as the spec says.
    ///
    /// - Parameter pcm: at least one sample, at the spec's rate.
    public static func fit(_ pcm: [Float], spec: AudioSpec) -> [Float] {
        let count = spec.sampleCount
        if pcm.count >= count { return pcm.count == count ? pcm : Array(pcm[..<count]) }
        switch spec.shortClip {
        case .silence:
            return pcm + [Float](repeating: 0, count: count - pcm.count)
        case .loop:
            return (0..<count).map { pcm[$0 % pcm.count] }
        }
    }

    /// The sum of products; by Accelerate where there is one.
    static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
        #if canImport(Accelerate)
        var sum: Float = 0
        vDSP_dotpr(a, 1, b, 1, &sum, vDSP_Length(count))
        return sum
        #else
        var even: Float = 0
        var odd: Float = 0
        var i = 0
        while i + 1 < count {
            even += a[i] * b[i]
            odd += a[i + 1] * b[i + 1]
            i += 2
        }
        return i < count ? even + odd + a[i] * b[i] : even + odd
        #endif
    }
}
