import Foundation

/// Russell's quadrants (1980); from 0 on counts as pleasant, and as energetic.
public enum Quadrant: String, CaseIterable, Encodable, Sendable {
    case pleasantEnergetic = "pleasant, energetic"
    case pleasantCalm = "pleasant, calm"
    case unpleasantEnergetic = "unpleasant, energetic"
    case unpleasantCalm = "unpleasant, calm"

    /// The quadrant in two words.
    public var words: String { rawValue }
}

/// How a stretch of sound feels: valence, then arousal, each from -1 to 1.
public struct Emotion: Equatable, Sendable {
    /// Where a value probably lies, within the scale.
    public struct Interval: Equatable, Sendable {
        public let low: Double
        public let high: Double
    }

    /// What was heard: a file's name, or a word for it.
    public let song: String
    /// From -1, unpleasant, to 1, pleasant; as the model says it.
    public let valence: Double
    /// From -1, calm, to 1, energetic; as the model says it.
    public let arousal: Double
    /// Where the stretch begins, in seconds.
    public let start: Double
    /// Where it ends, in seconds.
    public let end: Double
    /// How far the model may be off; nil where that was not measured.
    public let uncertainty: Uncertainty?
    /// How long front end and model took, in milliseconds.
    public let inferenceMs: Double
    /// Whether nothing could be heard after mixing down: the values say nothing then.
    public let silent: Bool

    public init(
        song: String, valence: Double, arousal: Double, start: Double, end: Double, uncertainty: Uncertainty? = nil,
        inferenceMs: Double = 0, silent: Bool = false
    ) {
        self.song = song
        self.valence = valence
        self.arousal = arousal
        self.start = start
        self.end = end
        self.uncertainty = uncertainty
        self.inferenceMs = inferenceMs
        self.silent = silent
    }

    /// The least and the greatest of both values.
    public static let scale = [-1, 1]

    /// The middle of the stretch, in seconds.
    public var time: Double { (start + end) / 2 }

    /// Where valence lies with the probability `uncertainty.coverage`; nil where that was not measured.
    public var valenceInterval: Interval? { interval(valence, 0) }

    /// Where arousal lies with the probability `uncertainty.coverage`; nil where that was not measured.
    public var arousalInterval: Interval? { interval(arousal, 1) }

    /// In which quarter of the plane the two values lie, however near to zero; people are shown `words`.
    public var quadrant: Quadrant {
        if valence >= 0 { return arousal >= 0 ? .pleasantEnergetic : .pleasantCalm }
        return arousal >= 0 ? .unpleasantEnergetic : .unpleasantCalm
    }

    /// One answer for many: the mean, of the time from the first's beginning to the last's end.
    ///
    /// - Parameter answers: at least one.
    static func mean(_ answers: [Emotion]) -> Emotion {
        let count = Double(answers.count)
        let first = answers[0]
        return Emotion(
            song: first.song, valence: answers.reduce(0) { $0 + $1.valence } / count,
            arousal: answers.reduce(0) { $0 + $1.arousal } / count, start: first.start,
            end: answers[answers.count - 1].end, uncertainty: first.uncertainty,
            inferenceMs: answers.reduce(0) { $0 + $1.inferenceMs }, silent: answers.allSatisfy { $0.silent })
    }

    private func interval(_ value: Double, _ index: Int) -> Interval? {
        guard let half = uncertainty?.halfWidth[index] else { return nil }
        return Interval(low: max(-1, value - half), high: min(1, value + half))
    }
}

extension Emotion: Encodable {
    enum CodingKeys: String, CodingKey {
        case song, start, end, time, valence, arousal, coverage, quadrant, scale, silent
        case valenceLow = "valence_low"
        case valenceHigh = "valence_high"
        case arousalLow = "arousal_low"
        case arousalHigh = "arousal_high"
    }

    /// The keys that every SDK and the command line write; times are in seconds, bounds are null where not measured.
    public func encode(to encoder: Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(song, forKey: .song)
        try fields.encode(rounded(start), forKey: .start)
        try fields.encode(rounded(end), forKey: .end)
        try fields.encode(rounded(time), forKey: .time)
        try fields.encode(rounded(valence), forKey: .valence)
        try fields.encode(rounded(arousal), forKey: .arousal)
        try fields.encode(valenceInterval.map { rounded($0.low) }, forKey: .valenceLow)
        try fields.encode(valenceInterval.map { rounded($0.high) }, forKey: .valenceHigh)
        try fields.encode(arousalInterval.map { rounded($0.low) }, forKey: .arousalLow)
        try fields.encode(arousalInterval.map { rounded($0.high) }, forKey: .arousalHigh)
        try fields.encode(uncertainty?.coverage, forKey: .coverage)
        try fields.encode(quadrant, forKey: .quadrant)
        try fields.encode(Emotion.scale, forKey: .scale)
        try fields.encode(silent, forKey: .silent)
    }

    private func rounded(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }
}
