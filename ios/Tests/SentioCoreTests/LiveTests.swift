import XCTest

@testable import SentioCore

/// Live sound whose blocks come when the test says so.
final class FakeMicrophone: LiveSource, @unchecked Sendable {
    private let lock = NSLock()
    private var continuation: AsyncThrowingStream<PCMBlock, Error>.Continuation?
    private var stops = 0
    private let refusal: SentioError?

    init(refusal: SentioError? = nil) { self.refusal = refusal }

    func start() async throws -> AsyncThrowingStream<PCMBlock, Error> {
        if let refusal = refusal { throw refusal }
        return AsyncThrowingStream { continuation in self.locked { self.continuation = continuation } }
    }

    func stop() {
        locked {
            stops += 1
            continuation?.finish()
        }
    }

    var wasStopped: Bool { locked { stops > 0 } }

    /// Seconds of a constant, as one block or several; waits until somebody listens.
    func hear(_ seconds: Double, _ value: Float, rate: Int = 22_050, times: Int = 1) async {
        let block = PCMBlock(samples: [Float](repeating: value, count: Int(seconds * Double(rate))), sampleRate: rate)
        for _ in 0..<times { await ready().yield(block) }
    }

    func end(_ error: Error? = nil) async { await ready().finish(throwing: error) }

    private func ready() async -> AsyncThrowingStream<PCMBlock, Error>.Continuation {
        while true {
            if let continuation = locked({ self.continuation }) { return continuation }
            await Task.yield()
        }
    }

    private func locked<T>(_ body: () -> T) -> T {
        lock.lock()
        defer { lock.unlock() }
        return body()
    }
}

final class LiveTests: XCTestCase {
    func testAnAnswerEachSecondOfTheNewestClip() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 4.0])
        let microphone = FakeMicrophone()
        var answers = try sentio.stream(microphone, every: 1, minimum: 2).makeAsyncIterator()
        async let heard: Void = microphone.hear(0.1, 1, times: 20)
        var emotion = try await answers.next()
        await heard
        XCTAssertEqual(emotion?.end, 2)
        XCTAssertEqual(emotion?.start, 0)
        XCTAssertEqual(try XCTUnwrap(emotion).arousal, 0.5, accuracy: 1e-6, "two of four seconds: filled up")
        for seconds in [3.0, 4, 5, 6] {
            await microphone.hear(1, 1)
            emotion = try await answers.next()
            XCTAssertEqual(emotion?.end, seconds)
            XCTAssertEqual(emotion?.start, max(0, seconds - 4))
            XCTAssertEqual(try XCTUnwrap(emotion).arousal, min(1, seconds / 4), accuracy: 1e-6)
        }
        await microphone.end()
        let last = try await answers.next()
        XCTAssertNil(last)
        let afterwards = try await answers.next()
        XCTAssertNil(afterwards)
        XCTAssertTrue(microphone.wasStopped)
    }

    func testTheNewestWinsWhereAnswersAreSlow() async throws {
        let backend = FakeBackend()
        let sentio = try await Support.sentio(backend, audio: ["seconds": 2.0])
        let microphone = FakeMicrophone()
        var answers = try sentio.stream(microphone, every: 1, minimum: 1).makeAsyncIterator()
        async let heard: Void = microphone.hear(1, 0.1)
        _ = try await answers.next()
        await heard
        // Seven and a half seconds go by before anybody asks again.
        await microphone.hear(0.5, 0.9, times: 15)
        await microphone.end()
        try await untilStopped(microphone)
        let second = try await answers.next()
        XCTAssertEqual(second?.end, 8.5)
        XCTAssertEqual(try XCTUnwrap(second).valence, 0.9, accuracy: 1e-4)
        let third = try await answers.next()
        XCTAssertNil(third, "what became due in between is left out")
        XCTAssertEqual(backend.inputSizes.count, 2)
    }

    func testALostMicrophoneKeepsWhatWasAnswered() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        let microphone = FakeMicrophone()
        let lost = SentioError.microphone("the microphone was taken away; start again")
        let stream = try sentio.stream(microphone, every: 1, minimum: 1)
        let task = Task { () -> ([Emotion], Error?) in
            var kept: [Emotion] = []
            do {
                for try await answer in stream {
                    kept.append(answer)
                    await microphone.end(lost)
                }
            } catch { return (kept, error) }
            return (kept, nil)
        }
        await microphone.hear(1.2, 0.5)
        let (kept, error) = await task.value
        XCTAssertEqual(kept.count, 1)
        XCTAssertEqual(error as? SentioError, lost)
        XCTAssertTrue(microphone.wasStopped)
    }

    func testARefusedMicrophone() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        let refusal = SentioError.microphone("the microphone was refused; allow it in Settings")
        var answers = try sentio.stream(FakeMicrophone(refusal: refusal)).makeAsyncIterator()
        do {
            _ = try await answers.next()
            XCTFail("an answer")
        } catch { XCTAssertEqual(error as? SentioError, refusal) }
    }

    func testCancellingStopsTheMicrophone() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        let microphone = FakeMicrophone()
        let stream = try sentio.stream(microphone, every: 1, minimum: 1)
        let task = Task { for try await _ in stream {} }
        await microphone.hear(0.5, 0.5)
        task.cancel()
        do {
            try await task.value
            XCTFail("the end")
        } catch { XCTAssertTrue(error is CancellationError, "\(error)") }
        XCTAssertTrue(microphone.wasStopped)
    }

    func testLeavingTheLoopStopsTheMicrophone() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        let microphone = FakeMicrophone()
        let stream = try sentio.stream(microphone, every: 1, minimum: 1)
        let task = Task { for try await _ in stream { break } }
        await microphone.hear(1, 0.5)
        try await task.value
        try await untilStopped(microphone)
    }

    func testTheRateMayChangeInTheMiddle() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 4.0])
        let microphone = FakeMicrophone()
        var answers = try sentio.stream(microphone, every: 1, minimum: 3).makeAsyncIterator()
        let heard = Task {
            await microphone.hear(1, 0.5, rate: 48_000)
            await microphone.hear(1, 0.5, rate: 8_000)
            await microphone.hear(1.1, 0.5, rate: 44_100)
        }
        let answer = try await answers.next()
        await heard.value
        XCTAssertEqual(try XCTUnwrap(answer).valence, 0.5 * 3 / 4, accuracy: 0.02)
        XCTAssertEqual(try XCTUnwrap(answer).end, 3.1, accuracy: 0.02)
    }

    func testDamagedLiveSound() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        let microphone = FakeMicrophone()
        var answers = try sentio.stream(microphone).makeAsyncIterator()
        let heard = Task {
            await microphone.hear(1, .nan)
            await microphone.end()
        }
        do {
            _ = try await answers.next()
            XCTFail("an answer")
        } catch {
            guard case SentioError.audio? = error as? SentioError else { return XCTFail("\(error)") }
        }
        await heard.value
    }

    func testImpossibleTimes() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        for (every, minimum) in [(0.0, 1.0), (.nan, 1), (1, 0), (1, -1), (1, .nan)] {
            let error = await caught { _ = try sentio.stream(FakeMicrophone(), every: every, minimum: minimum) }
            guard case .parameter? = error else { return XCTFail("\(every), \(minimum)") }
        }
    }

    /// Waits until the sound has been taken to its end, ten seconds at most.
    private func untilStopped(_ microphone: FakeMicrophone) async throws {
        for _ in 0..<2_000 where !microphone.wasStopped { try await Task.sleep(nanoseconds: 5_000_000) }
        XCTAssertTrue(microphone.wasStopped)
    }
}
