import AVFoundation
import SentioCore

/// Whether the person allows this app to listen.
enum MicrophonePermission {
    /// Asks where nobody has asked before.
    ///
    /// - Throws: `SentioError.microphone` where it was refused.
    static func request() async throws {
        if await asked() { return }
        #if os(iOS)
        throw SentioError.microphone("the microphone was refused; allow it for this app in Settings, Privacy, Microphone")
        #else
        throw SentioError.microphone("the microphone was refused; allow it in System Settings, Privacy, Microphone")
        #endif
    }

    private static func asked() async -> Bool {
        #if os(iOS)
        if #available(iOS 17.0, *) { return await AVAudioApplication.requestRecordPermission() }
        return await withCheckedContinuation { continuation in
            AVAudioSession.sharedInstance().requestRecordPermission { continuation.resume(returning: $0) }
        }
        #else
        return await withCheckedContinuation { continuation in
            AVCaptureDevice.requestAccess(for: .audio) { continuation.resume(returning: $0) }
        }
        #endif
    }
}
