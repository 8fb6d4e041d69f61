import Foundation

/// What a model is fed.
public enum Form: String, Sendable {
    /// Float PCM [1, samples]; the front end is part of the model.
    case waveform
    /// The standardized picture of a log-mel spectrogram [1, 3, height, width].
    case spectrogram
}

/// The front end: from PCM to the picture that a model looks at.
public struct AudioSpec: Decodable, Equatable, Sendable {
    /// How levels from `floorDecibels` to 0 become what the model was trained on.
    public enum Normalization: String, Decodable, Sendable {
        /// (dB - floor) / -floor, in [0, 1].
        case decibels80 = "db80"
        /// Zero mean and unit standard deviation in each clip.
        case zScore = "zscore"
    }

    /// What fills up a clip that is too short.
    public enum ShortClip: String, Decodable, Sendable {
        /// Silence after it.
        case silence
        /// The same again from its start.
        case loop
    }

    /// Samples a second.
    public let sampleRate: Int
    /// Length of a clip in seconds.
    public let seconds: Double
    /// Samples that each Fourier transform sees; a power of two.
    public let fftSize: Int
    /// Samples from one spectrogram frame to the next.
    public let hopLength: Int
    /// Mel bands of the spectrogram.
    public let melBands: Int
    /// Where the lowest band begins, in hertz.
    public let minimumFrequency: Double
    /// Where the highest band ends, in hertz.
    public let maximumFrequency: Double
    /// The least level, relative to the clip's loudest cell, in decibels; below zero.
    public let floorDecibels: Double
    public let normalization: Normalization
    public let shortClip: ShortClip
    /// Height and width of the picture.
    public let imageSize: [Int]

    /// PCM samples in a clip.
    public var sampleCount: Int { Int((Double(sampleRate) * seconds).rounded()) }
    /// Spectrogram frames in a clip; frames are centred.
    public var frameCount: Int { 1 + sampleCount / hopLength }

    enum CodingKeys: String, CodingKey {
        case seconds, normalization
        case sampleRate = "sample_rate"
        case fftSize = "n_fft"
        case hopLength = "hop_length"
        case melBands = "n_mels"
        case minimumFrequency = "f_min"
        case maximumFrequency = "f_max"
        case floorDecibels = "floor_db"
        case shortClip = "short_clip"
        case imageSize = "image_size"
    }

    /// What is impossible about these numbers, or nil where nothing is.
    var fault: String? {
        guard (1_000...1_000_000).contains(sampleRate) else { return "sample_rate \(sampleRate)" }
        guard seconds > 0, seconds <= 3_600 else { return "seconds \(seconds)" }
        guard fftSize >= 4, fftSize <= 1 << 20, fftSize & (fftSize - 1) == 0 else { return "n_fft \(fftSize)" }
        guard hopLength >= 1, hopLength <= sampleCount else { return "hop_length \(hopLength)" }
        guard sampleCount > fftSize / 2 else { return "seconds \(seconds), shorter than half of n_fft" }
        guard (1...4_096).contains(melBands) else { return "n_mels \(melBands)" }
        guard minimumFrequency >= 0, minimumFrequency < maximumFrequency, maximumFrequency <= Double(sampleRate) / 2
        else { return "f_min \(minimumFrequency), f_max \(maximumFrequency)" }
        guard floorDecibels < 0, floorDecibels.isFinite else { return "floor_db \(floorDecibels)" }
        guard imageSize.count == 2, imageSize.allSatisfy({ (1...4_096).contains($0) })
        else { return "image_size \(imageSize)" }
        guard melBands >= 2, frameCount >= 2 else { return "a spectrogram of \(melBands) x \(frameCount)" }
        return nil
    }
}

/// How far a model may be off.
public struct Uncertainty: Decodable, Equatable, Sendable {
    /// The probability, 0 to 1, that a new song's value lies within `halfWidth` of the answer.
    public let coverage: Double
    /// Of valence and of arousal, on their scale from -1 to 1.
    public let halfWidth: [Double]
    /// How many songs it was measured on.
    public let songs: Int

    enum CodingKeys: String, CodingKey {
        case coverage, songs
        case halfWidth = "half_width"
    }
}

/// One model: what goes in, what comes out.
public struct ModelSpec: Decodable, Equatable, Sendable {
    /// What the answer for a whole song is.
    public enum Pooling: String, Decodable, Sendable {
        /// The mean over its clips, one after another.
        case mean
    }

    public let audio: AudioSpec
    /// Name of the model's one output, float [1, 2].
    public let outputName: String
    /// Always valence, arousal.
    public let outputs: [String]
    /// Mean and standard deviation of the picture's three channels.
    public let imageMean: [Float]
    public let imageStandardDeviation: [Float]
    /// nil where it was not measured.
    public let uncertainty: Uncertainty?
    /// nil where the answer for a song is that of its first clip.
    public let pooling: Pooling?

    enum CodingKeys: String, CodingKey {
        case audio, outputs, uncertainty, pooling
        case outputName = "output_name"
        case imageMean = "image_mean"
        case imageStandardDeviation = "image_sd"
    }

    /// The shape that a model of one form is fed.
    public func inputShape(_ form: Form) -> [Int] {
        switch form {
        case .waveform: return [1, audio.sampleCount]
        case .spectrogram: return [1, 3, audio.imageSize[0], audio.imageSize[1]]
        }
    }

    var fault: String? {
        if let fault = audio.fault { return fault }
        guard outputs == ["valence", "arousal"] else { return "outputs \(outputs)" }
        guard imageMean.count == 3, imageStandardDeviation.count == 3, imageStandardDeviation.allSatisfy({ $0 > 0 })
        else { return "image_mean or image_sd" }
        if let uncertainty = uncertainty {
            guard uncertainty.halfWidth.count == 2, uncertainty.halfWidth.allSatisfy({ $0 >= 0 }),
                (0...1).contains(uncertainty.coverage)
            else { return "uncertainty" }
        }
        return nil
    }
}
