import Foundation
import XCTest

@testable import SentioCore

/// The words for an answer, on the cases that every language is tested on.
final class WordsTests: XCTestCase {
    private struct Golden: Decodable {
        struct Case: Decodable {
            let valence: Double
            let arousal: Double
            let half_width: [Double]?
            let silent: Bool
            let words: String
        }

        let neutral_below: Double
        let cases: [Case]
    }

    func testWordsAreThoseThatEveryLanguageMustSay() throws {
        let golden = try JSONDecoder().decode(Golden.self, from: Support.shared("words.json"))
        XCTAssertEqual(golden.neutral_below, Side.neutralBelow)
        XCTAssertGreaterThanOrEqual(golden.cases.count, 20)
        for one in golden.cases {
            let known = try one.half_width.map { halves in
                try JSONDecoder().decode(
                    Uncertainty.self,
                    from: JSONSerialization.data(
                        withJSONObject: ["coverage": 0.9, "half_width": halves, "songs": 40] as [String: Any]))
            }
            let emotion = Emotion(
                song: "s", valence: one.valence, arousal: one.arousal, start: 0, end: 30, uncertainty: known,
                silent: one.silent)
            XCTAssertEqual(emotion.words, one.words, "\(one)")
        }
    }
}
