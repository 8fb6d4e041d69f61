import Foundation

/// The newest clip of live sound, and when the next answer is due; the sound itself is the clock.
actor LiveBuffer {
    private let spec: AudioSpec
    private let name: String
    private let every: Double
    private var ring: RingBuffer
    private var resampler: Resampler?
    private var rate = 0
    private var heard = 0
    private var due: Double
    private var ended = false
    private var failure: Error?
    private var waiting: CheckedContinuation<Void, Never>?

    /// - Parameters:
    ///   - every: seconds from one answer to the next.
    ///   - minimum: seconds before the first.
    init(spec: AudioSpec, every: Double, minimum: Double, name: String) {
        self.spec = spec
        self.name = name
        self.every = every * Double(spec.sampleRate)
        due = minimum * Double(spec.sampleRate)
        ring = RingBuffer(capacity: spec.sampleCount)
    }

    /// Takes the next sound; its rate may change from block to block, as when headphones are plugged in.
    ///
    /// - Throws: `SentioError.audio`.
    func push(_ block: PCMBlock) throws {
        if block.samples.isEmpty { return }
        try PCM.check(block.samples, name: name)
        if block.sampleRate != rate {
            keep(resampler?.finish() ?? [])
            rate = try PCM.checkedRate(Double(block.sampleRate), name: name)
            resampler = Resampler(from: rate, to: spec.sampleRate)
        }
        keep(resampler?.push(block.samples) ?? [])
        if isDue { wake() }
    }

    /// No more sound will come, by an error or without one.
    func finish(_ error: Error?) {
        if ended { return }
        keep(resampler?.finish() ?? [])
        ended = true
        failure = error
        wake()
    }

    /// Waits until an answer is due and gives the newest clip; nil at the end. What became due meanwhile is left out.
    ///
    /// - Throws: the source's error, once nothing is due; `CancellationError`.
    func next() async throws -> Window? {
        while true {
            try Task.checkCancellation()
            if isDue { return take() }
            if let failure = failure { throw failure }
            if ended { return nil }
            await wait()
        }
    }

    private var isDue: Bool { Double(heard) >= due }

    private func keep(_ samples: [Float]) {
        ring.append(samples)
        heard += samples.count
    }

    private func take() -> Window {
        due += every * (((Double(heard) - due) / every).rounded(.down) + 1)
        let newest = ring.newest
        return Window(start: heard - newest.count, heard: newest.count, pcm: PCM.fit(newest, spec: spec))
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                if Task.isCancelled || isDue || ended { continuation.resume() } else { waiting = continuation }
            }
        } onCancel: {
            Task { await self.wake() }
        }
    }

    private func wake() {
        waiting?.resume()
        waiting = nil
    }
}
