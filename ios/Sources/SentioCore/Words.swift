/// On which side of zero a value lies, as far as its interval allows.
public enum Side: Equatable, Sendable {
    /// Zero lies below the interval: pleasant, or energetic.
    case high
    /// The value is high, and its interval holds zero.
    case leaningHigh
    /// The value is near zero, and its interval does not leave zero out.
    case neutral
    /// The value is low, and its interval holds zero.
    case leaningLow
    /// Zero lies above the interval: unpleasant, or calm.
    case low

    /// Distance from zero under which a value is neutral, unless its interval leaves out zero.
    static let neutralBelow = 0.1

    /// The cases in `export/golden/words.json` hold this rule in every language.
    init(value: Double, halfWidth: Double?) {
        let known = halfWidth.map { abs(value) > $0 } ?? false
        if abs(value) < Side.neutralBelow && !known {
            self = .neutral
        } else if known || halfWidth == nil {
            self = value > 0 ? .high : .low
        } else {
            self = value > 0 ? .leaningHigh : .leaningLow
        }
    }

    func word(high: String, low: String) -> String {
        switch self {
        case .high: return high
        case .leaningHigh: return "leaning \(high)"
        case .neutral: return "neutral"
        case .leaningLow: return "leaning \(low)"
        case .low: return low
        }
    }
}

extension Emotion {
    /// What can be said of the valence; for words in another language than English.
    public var valenceSide: Side { Side(value: valence, halfWidth: uncertainty?.halfWidth[0]) }

    /// What can be said of the arousal.
    public var arousalSide: Side { Side(value: arousal, halfWidth: uncertainty?.halfWidth[1]) }

    /// What can be said in English, such as "leaning pleasant, calm": no side that the interval leaves open.
    public var words: String {
        if silent { return "silent" }
        if valenceSide == .neutral && arousalSide == .neutral { return "neutral" }
        return "\(valenceSide.word(high: "pleasant", low: "unpleasant")), "
            + arousalSide.word(high: "energetic", low: "calm")
    }
}
