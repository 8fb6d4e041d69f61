import Foundation

/// A clip of a song.
struct Window: Sendable {
    /// Its first sample in the song.
    let start: Int
    /// How many of its samples come from the song; the rest fills up what is shorter than a clip.
    let heard: Int
    /// As many samples as the spec says.
    let pcm: [Float]

    /// The largest absolute sample that counts as silent: 80 dB below full scale, the floor of the log-mel.
    static let silentPeak: Float = 1e-4

    /// Whether nothing can be heard, for example because the channels cancelled each other.
    var isSilent: Bool { pcm.allSatisfy { abs($0) < Window.silentPeak } }
}

/// Whole windows of a song, one after another, in the memory of one or two.
///
/// A window starts at each multiple of `every`, rounded down to the hop; the rounding does not add up. The last one is
/// the last that lies wholly within the song. A song shorter than a clip gives one window, filled up.
final class SongWindows {
    private let reader: SoundReader
    private let spec: AudioSpec
    private let every: Double
    private var held: [Float] = []
    private var base = 0
    private var index = 0
    private var ended = false

    /// - Parameter every: seconds from one start to the next.
    init(_ reader: SoundReader, spec: AudioSpec, every: Double) {
        self.reader = reader
        self.spec = spec
        self.every = every
    }

    /// Makes sure that windows can follow each other at this distance in seconds.
    ///
    /// - Throws: `SentioError.parameter` where it is no number, or smaller than the distance of two frames.
    static func check(every: Double, spec: AudioSpec) throws {
        let hop = Double(spec.hopLength) / Double(spec.sampleRate)
        guard every.isFinite, every >= hop, every <= 1e9 else {
            let least = (1_000 * hop).rounded(.up) / 1_000
            throw SentioError.parameter("every \(every) s is no distance of windows; give \(least) s or more")
        }
    }

    /// First sample of a window.
    static func start(_ index: Int, every: Double, spec: AudioSpec) -> Int {
        // A little more, lest a whole number of hops that came out as 43.999 loses one.
        Int(Double(index) * every * Double(spec.sampleRate) / Double(spec.hopLength) + 1e-6) * spec.hopLength
    }

    /// The next window; nil behind the last.
    ///
    /// - Throws: what reading throws.
    func next() throws -> Window? {
        if ended { return nil }
        let start = SongWindows.start(index, every: every, spec: spec)
        forget(until: start)
        while base + held.count < start + spec.sampleCount, let block = try reader.read() {
            held += block
            forget(until: start)
        }
        index += 1
        if base + held.count >= start + spec.sampleCount {
            return Window(start: start, heard: spec.sampleCount, pcm: Array(held[..<spec.sampleCount]))
        }
        ended = true
        return start == 0 && !held.isEmpty ? Window(start: 0, heard: held.count, pcm: PCM.fit(held, spec: spec)) : nil
    }

    private func forget(until start: Int) {
        let count = min(held.count, start - base)
        if count > 0 {
            held.removeFirst(count)
            base += count
        }
    }
}
