import Foundation

/// The emotion of window after window of a song; what `Sentio.trajectory` gives. Each iteration reads the song anew.
public struct Trajectory: AsyncSequence, Sendable {
    public typealias Element = Emotion

    let model: Sentio
    let song: String
    let every: Double
    let source: @Sendable () throws -> any PCMSource

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(
            model: model, song: song, walk: SongWalk(song: song, spec: model.spec.audio, every: every, source: source))
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let model: Sentio
        let song: String
        let walk: SongWalk

        /// - Throws: `SentioError.audio`, `.damaged`; `CancellationError`.
        public mutating func next() async throws -> Emotion? {
            guard let window = try await walk.next() else { return nil }
            return try await model.answer(window, song: song)
        }
    }
}

/// Reads a song beside the model, so that another song can be answered while this one is decoded.
actor SongWalk {
    private let song: String
    private let spec: AudioSpec
    private let every: Double
    private let source: @Sendable () throws -> any PCMSource
    private var windows: SongWindows?

    init(song: String, spec: AudioSpec, every: Double, source: @escaping @Sendable () throws -> any PCMSource) {
        self.song = song
        self.spec = spec
        self.every = every
        self.source = source
    }

    func next() throws -> Window? {
        if let windows = windows { return try windows.next() }
        let opened = SongWindows(
            try SoundReader(source(), rate: spec.sampleRate, name: song), spec: spec, every: every)
        windows = opened
        return try opened.next()
    }
}
