import XCTest

@testable import SentioCore

final class ResamplerTests: XCTestCase {
    private let target = 22_050

    /// Root mean square of the middle, away from where a tone begins and ends.
    private func level(_ pcm: [Float]) -> Double {
        let middle = pcm[pcm.count / 4..<pcm.count * 3 / 4]
        return (middle.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(middle.count)).squareRoot()
    }

    func testTonesAboveTheNewNyquistFrequencyVanish() {
        for rate in [32_000, 44_100, 48_000, 88_200, 96_000, 192_000, 44_056] {
            for hertz in [11_025.0, 11_100, 12_345, 15_000, 0.49 * Double(rate)] where hertz < Double(rate) / 2 {
                let out = Resampler.resample(Support.tone(hertz, rate: rate, count: rate), from: rate, to: target)
                XCTAssertLessThan(level(out), 1e-4 / 2.0.squareRoot(), "\(hertz) Hz at \(rate) Hz, 80 dB down")
            }
        }
    }

    func testImagesOfALowRateVanish() {
        // What 8 kHz cannot hold must not appear: 3 kHz would come again at 5 kHz.
        let out = Resampler.resample(Support.tone(3_000, rate: 8_000, count: 16_000), from: 8_000, to: target)
        let ideal = Support.tone(3_000, rate: target, count: out.count)
        XCTAssertLessThan(level(zip(out, ideal).map { $0 - $1 }), 1e-4)
    }

    func testTonesBelowItStayWhatTheyAre() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 44_056] {
            for hertz in [50.0, 997, 0.44 * Double(min(rate, target))] {
                let out = Resampler.resample(Support.tone(hertz, rate: rate, count: rate), from: rate, to: target)
                let ideal = Support.tone(hertz, rate: target, count: out.count)
                let off = zip(out, ideal).map { $0 - $1 }
                XCTAssertLessThan(level(off), 1e-4, "\(hertz) Hz at \(rate) Hz: neither level nor time may change")
            }
        }
    }

    func testAConstantStaysConstant() {
        let out = Resampler.resample([Float](repeating: 0.5, count: 48_000), from: 48_000, to: target)
        for sample in out[1_000..<20_000] { XCTAssertEqual(sample, 0.5, accuracy: 2e-6) }
    }

    func testBlocksDoNotMatter() {
        let pcm = Support.tone(441, rate: 48_000, count: 20_001)
        let whole = Resampler.resample(pcm, from: 48_000, to: target)
        for size in [1, 7, 480, 4_096, 19_999] {
            var resampler = Resampler(from: 48_000, to: target)
            var out: [Float] = []
            for at in stride(from: 0, to: pcm.count, by: size) {
                out += resampler.push(Array(pcm[at..<min(pcm.count, at + size)]))
            }
            out += resampler.finish()
            XCTAssertEqual(out, whole, "blocks of \(size)")
        }
    }

    func testLengths() {
        for (count, rate, wanted) in [
            (44_100, 44_100, 22_050), (3, 44_100, 2), (1, 44_100, 1), (8_000, 8_000, 22_050), (1, 8_000, 3),
            (48_000, 48_000, 22_050), (5, 22_050, 5), (0, 48_000, 0), (12_345, 48_000, 5_671), (100, 192_000, 11),
        ] {
            let out = Resampler.resample([Float](repeating: 1, count: count), from: rate, to: target)
            XCTAssertEqual(out.count, wanted, "\(count) samples at \(rate) Hz")
        }
    }
}
