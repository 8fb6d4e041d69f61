import XCTest

@testable import SentioCore

final class PCMTests: XCTestCase {
    func testDownmixIsTheMeanOfChannels() throws {
        XCTAssertEqual(try PCM.downmix(interleaved: [1, 0, 0.5, -0.5], channels: 2), [0.5, 0])
        XCTAssertEqual(try PCM.downmix(interleaved: [1, 2, 3], channels: 1), [1, 2, 3])
        XCTAssertEqual(try PCM.downmix(interleaved: [8, 0, 0, 0, 0, 0, 0, 0], channels: 8), [1], "7.1")
        let planes: [[Float]] = [[1, 0], [0, 0], [0, 1], [1, 1]]
        let mono = planes[0].withUnsafeBufferPointer { a in
            planes[1].withUnsafeBufferPointer { b in
                planes[2].withUnsafeBufferPointer { c in
                    planes[3].withUnsafeBufferPointer { d in PCM.downmix(planes: [a, b, c, d]) }
                }
            }
        }
        XCTAssertEqual(mono, [0.5, 0.5])
        for channels in [0, -1, 2, 4] {
            XCTAssertThrowsError(try PCM.downmix(interleaved: [1, 2, 3], channels: channels))
        }
    }

    func testSoundThatIsNone() {
        for (pcm, word) in [
            ([], "no samples"), ([0, .nan], "not numbers"), ([.infinity], "not numbers"), ([2e9], "full scale"),
        ] as [([Float], String)] {
            XCTAssertThrowsError(try PCM.check(pcm, name: "x.wav")) { error in
                guard case SentioError.audio(let text) = error else { return XCTFail("\(error)") }
                XCTAssertTrue(text.hasPrefix("x.wav: ") && text.contains(word), text)
            }
        }
        XCTAssertNoThrow(try PCM.check([0, 1, -32_768], name: "loud, but sound"))
        for rate in [0, 999, -44_100, Double.nan, .infinity, 1e12] {
            XCTAssertThrowsError(try PCM.checkedRate(rate, name: "x"), "\(rate) Hz")
        }
        XCTAssertEqual(try PCM.checkedRate(44_099.6, name: "x"), 44_100)
    }

    func testShortClips() throws {
        let silence = try Support.spec(audio: ["seconds": 0.1]).audio
        let loop = try Support.spec(audio: ["seconds": 0.1, "short_clip": "loop"]).audio
        XCTAssertEqual(silence.sampleCount, 2_205)
        let short: [Float] = [1, 2, 3]
        XCTAssertEqual(Array(PCM.fit(short, spec: silence)[..<7]), [1, 2, 3, 0, 0, 0, 0])
        XCTAssertEqual(Array(PCM.fit(short, spec: loop)[..<7]), [1, 2, 3, 1, 2, 3, 1])
        for spec in [silence, loop] {
            XCTAssertEqual(PCM.fit(short, spec: spec).count, 2_205)
            XCTAssertEqual(PCM.fit([Float](repeating: 1, count: 9_999), spec: spec).count, 2_205)
        }
    }

    func testTheRingKeepsTheNewest() {
        var ring = RingBuffer(capacity: 5)
        XCTAssertEqual(ring.newest, [])
        ring.append([1, 2])
        XCTAssertEqual(ring.newest, [1, 2])
        ring.append([3, 4, 5, 6])
        XCTAssertEqual(ring.newest, [2, 3, 4, 5, 6])
        ring.append([7])
        XCTAssertEqual(ring.newest, [3, 4, 5, 6, 7])
        ring.append((0..<12).map { Float($0) })
        XCTAssertEqual(ring.newest, [7, 8, 9, 10, 11])
        XCTAssertEqual(ring.count, 5)
    }
}
