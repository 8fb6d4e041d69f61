import XCTest

@testable import SentioCore

/// The front end on the golden vectors that every language is tested on.
final class FrontEndTests: XCTestCase {
    func testLevelsAndPicturesAreTheGoldenOnes() throws {
        let file = try Support.sharedGolden()
        let spec = try Support.spec()
        let golden = try Golden(file, spec: spec)
        let levels = try file.floats("levels"), frames = try file.int32s("frames").map { Int($0) }
        let picture = try file.floats("picture"), cells = try file.int32s("cells").map { Int($0) }
        let logMel = LogMel(spec.audio)
        var compared = 0
        for sound in 0..<golden.count {
            let found = logMel.levels(golden.clip(sound, spec: spec.audio))
            XCTAssertEqual(found.count, spec.audio.melBands * spec.audio.frameCount)
            var worst: Float = 0
            for band in 0..<spec.audio.melBands {
                for (column, frame) in frames.enumerated() {
                    let wanted = levels[(sound * spec.audio.melBands + band) * frames.count + column]
                    if wanted <= -79 { continue }
                    worst = max(worst, abs(found[band * spec.audio.frameCount + frame] - wanted))
                    compared += 1
                }
            }
            XCTAssertLessThan(worst, 0.01, "levels of sound \(sound), in dB")
            let resized = Picture.resized(Picture.normalized(found, spec: spec.audio), spec: spec.audio)
            var apart: Float = 0
            for (y, row) in cells.enumerated() {
                for (x, column) in cells.enumerated() {
                    let wanted = picture[(sound * cells.count + y) * cells.count + x]
                    apart = max(apart, abs(resized[row * spec.audio.imageSize[1] + column] - wanted))
                }
            }
            XCTAssertLessThan(apart, 0.01 / 80, "picture of sound \(sound)")
        }
        XCTAssertGreaterThan(compared, 10_000)
    }

    func testAModelOfPicturesIsFedStandardizedChannels() throws {
        let spec = try Support.spec(audio: ["seconds": 1.0])
        let clip = Support.tone(440, rate: 22_050, count: 22_050)
        let input = FrontEnd(spec, form: .spectrogram).input(clip)
        XCTAssertEqual(input.count, 3 * 224 * 224)
        let red = input[5_000] * spec.imageStandardDeviation[0] + spec.imageMean[0]
        let blue = input[2 * 224 * 224 + 5_000] * spec.imageStandardDeviation[2] + spec.imageMean[2]
        XCTAssertEqual(red, blue, accuracy: 1e-5)
        XCTAssertEqual(FrontEnd(spec, form: .waveform).input(clip), clip)
    }

    func testZScoreHasMeanZeroAndDeviationOne() throws {
        let spec = try Support.spec(audio: ["seconds": 1.0, "normalization": "zscore"]).audio
        let levels = LogMel(spec).levels(Support.tone(440, rate: 22_050, count: 22_050))
        let scaled = Picture.normalized(levels, spec: spec)
        let mean = scaled.reduce(0, +) / Float(scaled.count)
        let variance = scaled.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(scaled.count)
        XCTAssertEqual(mean, 0, accuracy: 1e-4)
        XCTAssertEqual(variance, 1, accuracy: 1e-3)
        let flat = Picture.normalized([Float](repeating: -80, count: 64), spec: spec)
        XCTAssertTrue(flat.allSatisfy { $0 == 0 }, "a clip whose cells are all alike has no deviation")
    }

    func testTheTransformIsThatOfItsDefinition() {
        for size in [4, 8, 64, 2_048] {
            let samples = (0..<size).map { sin(Double($0 * $0) * 0.37) + 0.25 }
            var found = [Double](repeating: 0, count: size / 2)
            PortablePowerSpectrum(size: size).power(samples, into: &found, bins: size / 2)
            for k in stride(from: 0, to: size / 2, by: max(1, size / 16)) {
                var re = 0.0, im = 0.0
                for (n, x) in samples.enumerated() {
                    let angle = 2 * Double.pi * Double(k * n % size) / Double(size)
                    re += x * cos(angle)
                    im -= x * sin(angle)
                }
                XCTAssertEqual(found[k], re * re + im * im, accuracy: 1e-7 * Double(size), "bin \(k) of \(size)")
            }
        }
    }

    #if canImport(Accelerate)
    func testAccelerateGivesWhatPlainSwiftGives() {
        let samples = (0..<2_048).map { sin(Double($0 * $0) * 0.37) }
        var plain = [Double](repeating: 0, count: 744), fast = plain
        PortablePowerSpectrum(size: 2_048).power(samples, into: &plain, bins: 744)
        AcceleratePowerSpectrum(size: 2_048).power(samples, into: &fast, bins: 744)
        for k in 0..<744 { XCTAssertEqual(fast[k], plain[k], accuracy: 1e-6) }
    }

    func testFrontEndSpeed() throws {
        let spec = try Support.spec()
        let clip = Support.tone(440, rate: 22_050, count: spec.audio.sampleCount)
        let frontEnd = FrontEnd(spec, form: .spectrogram)
        measure { XCTAssertEqual(frontEnd.input(clip).count, 150_528) }
    }
    #endif
}
