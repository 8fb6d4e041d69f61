import Foundation

/// Golden vectors: sounds, and the answers that every runtime must give for them.
public struct Golden: Sendable {
    /// PCM of each sound, full scale at 32768, to be repeated.
    public let excerpts: [[Int16]]
    /// Samples of each clip before silence fills it up.
    public let lengths: [Int]
    /// Valence and arousal of each.
    public let outputs: [[Float]]

    public var count: Int { lengths.count }

    /// - Throws: `SentioError.damaged` where the tensors do not fit each other or the spec.
    public init(_ file: Safetensors, spec: ModelSpec) throws {
        let lengths = try file.int32s("length").map { Int($0) }
        let excerpt = try file.int16s("excerpt"), output = try file.floats("output")
        let shape = try file.shape("excerpt")
        guard !lengths.isEmpty, shape.count == 2, shape[0] == lengths.count, shape[1] > 0,
            try file.shape("output") == [lengths.count, spec.outputs.count],
            lengths.allSatisfy({ $0 >= 1 && $0 <= spec.audio.sampleCount })
        else { throw SentioError.damaged("golden vectors do not fit the model's spec; copy the model folder again") }
        self.lengths = lengths
        excerpts = lengths.indices.map { Array(excerpt[$0 * shape[1]..<($0 + 1) * shape[1]]) }
        outputs = lengths.indices.map { Array(output[$0 * spec.outputs.count..<($0 + 1) * spec.outputs.count]) }
    }

    /// One sound as a whole clip: its excerpt repeated to its length, then silence.
    public func clip(_ index: Int, spec: AudioSpec) -> [Float] {
        let excerpt = excerpts[index]
        var clip = [Float](repeating: 0, count: spec.sampleCount)
        for i in 0..<min(lengths[index], spec.sampleCount) { clip[i] = Float(excerpt[i % excerpt.count]) / 32_768 }
        return clip
    }
}
