import AVFoundation
import Foundation
import SentioCore

/// An audio file, decoded by the system block by block and mixed down to mono.
///
/// Resampling is the core's, so that every platform hears the same.
public final class FileSource: PCMSource {
    private static let block: AVAudioFrameCount = 32_768
    /// Frames by which a file may fall short of its own count, 78 ms at 44.1 kHz: some encoders miscount a little.
    private static let slack: AVAudioFramePosition = 3 * 1_152

    public let sampleRate: Int
    private let file: AVAudioFile
    private let buffer: AVAudioPCMBuffer
    private let name: String

    /// - Throws: `SentioError.audio` where the file is missing, is no audio, or is of a kind that the system cannot decode.
    public init(_ url: URL) throws {
        name = url.lastPathComponent
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw SentioError.audio("\(name): no such audio file; choose it again")
        }
        do {
            file = try AVAudioFile(forReading: url)
        } catch {
            throw SentioError.audio(
                "\(name): cannot be decoded (\(error.localizedDescription)); give an m4a, mp3, wav or aiff file")
        }
        sampleRate = try PCM.checkedRate(file.processingFormat.sampleRate, name: name)
        guard let buffer = AVAudioPCMBuffer(pcmFormat: file.processingFormat, frameCapacity: FileSource.block) else {
            throw SentioError.audio("\(name): is of a kind that cannot be decoded; give an m4a, mp3, wav or aiff file")
        }
        self.buffer = buffer
    }

    public func read() throws -> [Float]? {
        guard file.framePosition < file.length else { return nil }
        do {
            try file.read(into: buffer, frameCount: FileSource.block)
        } catch {
            throw cut(error.localizedDescription)
        }
        if buffer.frameLength == 0 {
            if statesItsLength, file.framePosition < file.length - FileSource.slack {
                throw cut("nothing more can be read")
            }
            return nil
        }
        return PCM.downmix(planes: buffer.planes)
    }

    /// The frames of an mp3 without a header are a guess.
    private var statesItsLength: Bool {
        file.fileFormat.streamDescription.pointee.mFormatID != kAudioFormatMPEGLayer3
    }

    private func cut(_ why: String) -> SentioError {
        let rate = Double(sampleRate)
        let at = (Double(file.framePosition) / rate * 10).rounded() / 10
        let all = (Double(file.length) / rate * 10).rounded() / 10
        return .audio("\(name): ends after \(at) of \(all) s (\(why)); copy it again from its source")
    }
}

extension AVAudioPCMBuffer {
    /// What each channel holds; valid until the buffer is filled again.
    var planes: [UnsafeBufferPointer<Float>] {
        guard let channels = floatChannelData else { return [] }
        return (0..<Int(format.channelCount)).map { UnsafeBufferPointer(start: channels[$0], count: Int(frameLength)) }
    }
}
