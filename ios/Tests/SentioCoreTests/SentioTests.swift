import XCTest

@testable import SentioCore

/// What an app asks for, answered by a model whose answers show what it was fed.
final class SentioTests: XCTestCase {
    private let second = 22_050

    func testTheFirstClipIsAnswered() async throws {
        let backend = FakeBackend()
        let sentio = try await Support.sentio(backend, audio: ["seconds": 2.0])
        let pcm = [Float](repeating: 0.5, count: 5 * second)
        let answer = try await sentio.predict(pcm, sampleRate: 22_050, song: "a song")
        XCTAssertEqual(answer.song, "a song")
        XCTAssertEqual(answer.valence, 0.5, accuracy: 1e-6)
        XCTAssertEqual([answer.start, answer.end, answer.time], [0, 2, 1])
        XCTAssertEqual(backend.inputSizes, [2 * second], "no more than one clip")
        XCTAssertNil(answer.valenceInterval)
    }

    func testShortSoundIsFilledUpAndSaysHowMuchWasHeard() async throws {
        let pcm = [Float](repeating: 1, count: second)
        let silence = try await Support.sentio(audio: ["seconds": 4.0])
        let padded = try await silence.predict(pcm, sampleRate: 22_050)
        XCTAssertEqual(padded.arousal, 0.25, accuracy: 1e-6)
        XCTAssertEqual(padded.end, 1)
        let loop = try await Support.sentio(audio: ["seconds": 4.0, "short_clip": "loop"])
        let looped = try await loop.predict(pcm, sampleRate: 22_050)
        XCTAssertEqual(looped.arousal, 1)
        XCTAssertEqual(looped.end, 1)
    }

    func testSoundOfOtherRates() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 2.0])
        for rate in [8_000.0, 16_000, 44_100, 48_000, 96_000] {
            let answer = try await sentio.predict([Float](repeating: 0.5, count: 3 * Int(rate)), sampleRate: rate)
            XCTAssertEqual(answer.valence, 0.5, accuracy: 1e-3, "\(rate) Hz")
            XCTAssertEqual(answer.end, 2, accuracy: 1e-9, "\(rate) Hz")
        }
    }

    func testUnusableSound() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 1.0])
        for (pcm, rate) in [([], 22_050), ([.nan], 22_050), ([0, .infinity], 44_100), ([0], 0), ([0], .nan)]
            as [([Float], Double)] {
            let error = await caught { _ = try await sentio.predict(pcm, sampleRate: rate) }
            guard case .audio? = error else { return XCTFail("\(String(describing: error))") }
        }
        // Behind the clip, nothing is read, and nothing is complained about.
        let late = [Float](repeating: 0, count: 4 * second) + [.nan]
        _ = try await sentio.predict(late, sampleRate: 22_050)
    }

    func testNoMoreOfASourceIsReadThanIsNeeded() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 1.0])
        let counter = Counter()
        _ = try await sentio.predict(song: "long") { CountingSource(counter, blocks: 600) }
        XCTAssertLessThan(counter.value, 5)
    }

    func testPoolingIsTheMeanOverAllClips() async throws {
        let sentio = try await Support.sentio(spec: ["pooling": "mean"], audio: ["seconds": 1.0])
        // Clips start at 0, 22,016 and 44,032: multiples of a second, rounded down to the hop of 512.
        let pcm = [Float](repeating: 0, count: 44_032) + [Float](repeating: 0.9, count: 2 * second)
        let answer = try await sentio.predict(pcm, sampleRate: 22_050)
        // The second ends 34 samples behind the silence; the fourth, from 66,048 on, still lies wholly within the song.
        let second = 0.9 * 34 / 22_050
        XCTAssertEqual(answer.valence, (second + 0.9 + 0.9) / 4, accuracy: 1e-5)
        XCTAssertEqual(answer.end, (66_048.0 + 22_050) / 22_050, accuracy: 1e-9)
        XCTAssertEqual(answer.start, 0)
    }

    func testWindowsStartAtMultiplesRoundedDownToTheHop() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 1.0])
        let pcm = [Float](repeating: 0.1, count: 5 * second)
        let every = try await collect(sentio.trajectory(pcm, sampleRate: 22_050, every: 1))
        XCTAssertEqual(every.map { Int(($0.start * 22_050).rounded()) }, [0, 22_016, 44_032, 66_048, 88_064])
        let dense = try await collect(sentio.trajectory(Array(pcm[..<65_000]), sampleRate: 22_050, every: 0.6))
        XCTAssertEqual(dense.map { Int(($0.start * 22_050).rounded()) }, [0, 12_800, 26_112, 39_424])
        let hops = try await collect(sentio.trajectory(pcm, sampleRate: 22_050, every: 44 * 512 / 22_050.0))
        XCTAssertEqual(hops.map { Int(($0.start * 22_050).rounded()) }, [0, 22_528, 45_056, 67_584])
        let far = try await collect(sentio.trajectory(pcm, sampleRate: 22_050, every: 100))
        XCTAssertEqual(far.count, 1)
        let short = try await collect(sentio.trajectory(Array(pcm[..<5_000]), sampleRate: 22_050, every: 1))
        XCTAssertEqual(short.map { $0.end }, [5_000 / 22_050.0])
        for every in [0, 0.02, -1, Double.nan, .infinity] {
            let error = await caught { _ = try sentio.trajectory(pcm, sampleRate: 22_050, every: every) }
            guard case .parameter? = error else { return XCTFail("\(every): \(String(describing: error))") }
        }
        let error = await caught { _ = try await collect(sentio.trajectory([], sampleRate: 22_050)) }
        guard case .audio? = error else { return XCTFail("\(String(describing: error))") }
    }

    func testTenMinutesPassWindowByWindow() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 1.0])
        let counter = Counter()
        var answers = 0
        for try await _ in try sentio.trajectory(song: "long", every: 10, source: {
            CountingSource(counter, blocks: 600 * 22_050 / CountingSource.block)
        }) {
            answers += 1
            if answers == 3 { XCTAssertLessThan(counter.value, 60, "windows are computed when they are asked for") }
        }
        XCTAssertEqual(answers, 60)
    }

    func testAnswersAtOnceComeOneAfterAnother() async throws {
        let backend = FakeBackend(pause: 0.005)
        let sentio = try await Support.sentio(backend, audio: ["seconds": 0.1])
        let found = try await withThrowingTaskGroup(of: (Int, Double).self) { group -> [Int: Double] in
            for index in 0..<16 {
                group.addTask {
                    let pcm = [Float](repeating: Float(index) / 16, count: 2_205)
                    return (index, try await sentio.predict(pcm, sampleRate: 22_050).valence)
                }
            }
            var found: [Int: Double] = [:]
            for try await (index, valence) in group { found[index] = valence }
            return found
        }
        XCTAssertEqual(backend.mostAtOnce, 1)
        for (index, valence) in found { XCTAssertEqual(valence, Double(index) / 16, accuracy: 1e-6) }
        XCTAssertEqual(found.count, 16)
    }

    func testACancelledTaskGivesNoAnswer() async throws {
        let sentio = try await Support.sentio(audio: ["seconds": 1.0])
        let task = Task {
            try await sentio.predict(song: "endless") { EndlessSource() }
        }
        task.cancel()
        do {
            _ = try await task.value
            XCTFail("an answer")
        } catch { XCTAssertTrue(error is CancellationError) }
    }

    func testAnswersThatAreNoNumbers() async throws {
        for answer in [[Float.nan, 0], [0, .infinity], [0], []] {
            let sentio = try await Support.sentio(FakeBackend(answer: answer), audio: ["seconds": 0.1])
            let error = await caught { _ = try await sentio.predict([0], sampleRate: 22_050) }
            guard case .damaged? = error else { return XCTFail("\(answer): \(String(describing: error))") }
        }
    }

    func testIntervalsAreCutAtTheScale() async throws {
        let sentio = try await Support.sentio(
            FakeBackend(answer: [0.9, -0.25]),
            spec: ["uncertainty": ["coverage": 0.9, "half_width": [0.3, 0.5], "songs": 40]], audio: ["seconds": 0.1])
        let answer = try await sentio.predict([0.1], sampleRate: 22_050)
        let valence = try XCTUnwrap(answer.valenceInterval), arousal = try XCTUnwrap(answer.arousalInterval)
        XCTAssertEqual(valence.low, 0.6, accuracy: 1e-6)
        XCTAssertEqual(valence.high, 1)
        XCTAssertEqual(arousal.low, -0.75, accuracy: 1e-6)
        XCTAssertEqual(arousal.high, 0.25, accuracy: 1e-6)
        XCTAssertEqual(answer.uncertainty?.coverage, 0.9)
        XCTAssertEqual(answer.quadrant, .pleasantCalm)
    }

    func testTheSameJSONAsTheCommandLine() throws {
        let plain = Emotion(song: "a", valence: 0.1234567, arousal: -0.5, start: 0, end: 30)
        XCTAssertEqual(
            try plain.sentioJSON().split(whereSeparator: { " \n".contains($0) }).joined(),
            #"{"arousal":-0.5,"arousal_high":null,"arousal_low":null,"coverage":null,"end":30,"quadrant":"pleasant,calm","#
                + #""scale":[-1,1],"silent":false,"song":"a","start":0,"time":15,"valence":0.123457,"valence_high":null,"#
                + #""valence_low":null}"#)
        XCTAssertEqual(Emotion(song: "", valence: 0, arousal: 0, start: 0, end: 1).quadrant, .pleasantEnergetic)
        XCTAssertEqual(Emotion(song: "", valence: -0.1, arousal: 1, start: 0, end: 1).quadrant, .unpleasantEnergetic)
        XCTAssertEqual(Emotion(song: "", valence: -1, arousal: -1, start: 0, end: 1).quadrant, .unpleasantCalm)
    }

    private func collect(_ trajectory: Trajectory) async throws -> [Emotion] {
        var all: [Emotion] = []
        for try await answer in trajectory { all.append(answer) }
        return all
    }
}

final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    var value: Int {
        lock.lock()
        defer { lock.unlock() }
        return count
    }

    func add() {
        lock.lock()
        count += 1
        lock.unlock()
    }
}

/// Sound that counts how many of its blocks were read.
final class CountingSource: PCMSource {
    static let block = 11_025
    let sampleRate = 22_050
    private let counter: Counter
    private let blocks: Int
    private var given = 0

    init(_ counter: Counter, blocks: Int) {
        self.counter = counter
        self.blocks = blocks
    }

    func read() -> [Float]? {
        if given == blocks { return nil }
        given += 1
        counter.add()
        return [Float](repeating: 0.1, count: CountingSource.block)
    }
}

/// Sound of which nothing comes before its task is cancelled.
final class EndlessSource: PCMSource {
    let sampleRate = 22_050

    func read() -> [Float]? {
        while !Task.isCancelled { Thread.sleep(forTimeInterval: 0.001) }
        return [0.1]
    }
}
