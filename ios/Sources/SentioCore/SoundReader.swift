import Foundation

/// Sound that can be read block by block, such as a file.
///
/// One analysis reads a source, from one task at a time, and reads no more of it than it needs.
public protocol PCMSource: AnyObject {
    /// Samples a second, in hertz.
    var sampleRate: Int { get }

    /// The next mono samples, full scale at -1 and 1; nil at the end.
    ///
    /// - Throws: `SentioError.audio` where the sound is damaged.
    func read() throws -> [Float]?
}

/// Sound in memory.
public final class MemorySource: PCMSource {
    private static let block = 32_768

    public let sampleRate: Int
    private let pcm: [Float]
    private var at = 0

    /// - Parameters:
    ///   - pcm: mono, full scale at -1 and 1.
    ///   - sampleRate: samples a second, in hertz; at least 1000.
    public init(_ pcm: [Float], sampleRate: Int) {
        self.pcm = pcm
        self.sampleRate = sampleRate
    }

    public func read() -> [Float]? {
        guard at < pcm.count else { return nil }
        let end = min(pcm.count, at + MemorySource.block)
        defer { at = end }
        return Array(pcm[at..<end])
    }
}

/// A source at the model's rate, its samples checked.
final class SoundReader {
    private let source: PCMSource
    private let name: String
    private var resampler: Resampler
    private var ended = false
    private var isEmpty = true

    /// - Throws: `SentioError.audio` where the source's rate is none of music.
    init(_ source: PCMSource, rate: Int, name: String) throws {
        self.source = source
        self.name = name
        resampler = Resampler(from: try PCM.checkedRate(Double(source.sampleRate), name: name), to: rate)
    }

    /// The next samples; nil at the end.
    ///
    /// - Throws: `SentioError.audio`; `CancellationError` where the task was cancelled.
    func read() throws -> [Float]? {
        while !ended {
            try Task.checkCancellation()
            let out: [Float]
            if let block = try source.read() {
                if block.isEmpty { continue }
                try PCM.check(block, name: name)
                isEmpty = false
                out = resampler.push(block)
            } else {
                ended = true
                if isEmpty { try PCM.check([], name: name) }
                out = resampler.finish()
            }
            if !out.isEmpty { return out }
        }
        return nil
    }
}
