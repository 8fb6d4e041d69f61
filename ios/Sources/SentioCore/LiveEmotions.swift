import Foundation

/// Live sound, such as a microphone's.
public protocol LiveSource: Sendable {
    /// Begins to listen.
    ///
    /// - Returns: the sound as it comes; ends, or throws `SentioError.microphone`, when there will be no more.
    /// - Throws: `SentioError.microphone` where it cannot begin.
    func start() async throws -> AsyncThrowingStream<PCMBlock, Error>

    /// Stops listening; harmless when it has stopped already.
    func stop()
}

/// The emotion of live sound; what `Sentio.stream` gives.
public struct LiveEmotions: AsyncSequence, Sendable {
    public typealias Element = Emotion

    let model: Sentio
    let source: any LiveSource
    let every: Double
    let minimum: Double
    let song: String

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(live: self) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let live: LiveEmotions
        private var session: LiveSession?
        private var ended = false

        init(live: LiveEmotions) { self.live = live }

        /// The next answer; nil when the source came to its end.
        ///
        /// - Throws: the source's error; `SentioError.audio`, `.damaged`; `CancellationError`.
        public mutating func next() async throws -> Emotion? {
            if ended { return nil }
            let current = session ?? LiveSession(live)
            session = current
            do {
                if let window = try await current.buffer.next() {
                    return try await live.model.answer(window, song: live.song)
                }
            } catch {
                end()
                throw error
            }
            end()
            return nil
        }

        private mutating func end() {
            ended = true
            session = nil
        }
    }
}

/// One time of listening: fills the buffer until it is cancelled, or nobody holds it any more.
final class LiveSession: Sendable {
    let buffer: LiveBuffer
    private let source: any LiveSource
    private let pump: Task<Void, Never>

    init(_ live: LiveEmotions) {
        let buffer = LiveBuffer(
            spec: live.model.spec.audio, every: live.every, minimum: live.minimum, name: live.song)
        let source = live.source
        self.buffer = buffer
        self.source = source
        pump = Task {
            do {
                for try await block in try await source.start() { try await buffer.push(block) }
                await buffer.finish(nil)
            } catch {
                await buffer.finish(error)
            }
            source.stop()
        }
    }

    deinit {
        pump.cancel()
        source.stop()
    }
}
