import AVFoundation
import XCTest

@testable import SentioCore
@testable import SentioKit

final class FileSourceTests: XCTestCase {
    private var url = FileManager.default.temporaryDirectory

    override func setUp() {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString).wav")
    }

    override func tearDown() { try? FileManager.default.removeItem(at: url) }

    /// A tone in channel 0, silence in the others.
    private func write(seconds: Double, rate: Double, channels: AVAudioChannelCount) throws {
        let settings: [String: Any] = [
            AVFormatIDKey: kAudioFormatLinearPCM, AVSampleRateKey: rate, AVNumberOfChannelsKey: Int(channels),
            AVLinearPCMBitDepthKey: 16, AVLinearPCMIsFloatKey: false,
        ]
        let file = try AVAudioFile(forWriting: url, settings: settings)
        let count = AVAudioFrameCount(seconds * rate)
        let buffer = try XCTUnwrap(AVAudioPCMBuffer(pcmFormat: file.processingFormat, frameCapacity: count))
        buffer.frameLength = count
        let planes = try XCTUnwrap(buffer.floatChannelData)
        for frame in 0..<Int(count) {
            for channel in 0..<Int(channels) {
                planes[channel][frame] = channel == 0 ? Float(sin(2 * Double.pi * 440 * Double(frame) / rate)) / 2 : 0
            }
        }
        try file.write(from: buffer)
    }

    func testAFileIsReadWholeAndMixedDown() throws {
        for (rate, channels) in [(8_000.0, AVAudioChannelCount(1)), (44_100, 2), (48_000, 2)] {
            try write(seconds: 2.5, rate: rate, channels: channels)
            let source = try FileSource(url)
            XCTAssertEqual(source.sampleRate, Int(rate))
            var pcm: [Float] = []
            while let block = try source.read() { pcm += block }
            XCTAssertEqual(pcm.count, Int(2.5 * rate))
            XCTAssertEqual(pcm.max() ?? 0, 0.5 / Float(channels), accuracy: 0.01)
            try FileManager.default.removeItem(at: url)
        }
    }

    func testWhatIsNoSound() throws {
        XCTAssertThrowsError(try FileSource(url)) { error in
            guard case SentioError.audio = error else { return XCTFail("\(error)") }
        }
        try Data("no sound at all".utf8).write(to: url)
        XCTAssertThrowsError(try FileSource(url)) { error in
            guard case SentioError.audio(let text) = error else { return XCTFail("\(error)") }
            XCTAssertFalse(text.contains("\n"))
        }
    }
}
