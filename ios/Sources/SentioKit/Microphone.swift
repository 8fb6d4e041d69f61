import AVFoundation
import Foundation
import SentioCore

/// The microphone of the device, or whatever is plugged in.
///
/// A changed route, such as headphones, goes on with the new one. An interruption, such as a call, or a device that goes
/// away ends the sound with `SentioError.microphone`.
///
/// Unchecked: all state is touched on `queue` alone.
public final class Microphone: LiveSource, @unchecked Sendable {
    private static let frames: AVAudioFrameCount = 4_096
    /// Blocks kept for a listener that is late, 6 s at 44.1 kHz; older ones are dropped.
    private static let blocks = 64

    private typealias Continuation = AsyncThrowingStream<PCMBlock, Error>.Continuation

    private let queue = DispatchQueue(label: "sentio.microphone")
    private var engine: AVAudioEngine?
    private var continuation: Continuation?
    private var observers: [NSObjectProtocol] = []

    public init() {}

    /// Asks for permission where nobody has, and begins to listen; a second start ends the first.
    ///
    /// - Throws: `SentioError.microphone` where it is refused, missing, or taken by another app.
    public func start() async throws -> AsyncThrowingStream<PCMBlock, Error> {
        try await MicrophonePermission.request()
        try Task.checkCancellation()
        return try queue.sync {
            end(nil)
            var made: Continuation?
            let stream = AsyncThrowingStream(
                PCMBlock.self, bufferingPolicy: .bufferingNewest(Microphone.blocks)
            ) { made = $0 }
            continuation = made
            do {
                try activateSession()
                try listen()
            } catch {
                end(nil)
                throw error as? SentioError
                    ?? .microphone("the microphone cannot be used (\(error.localizedDescription)); close other apps")
            }
            watch()
            return stream
        }
    }

    public func stop() { queue.async { self.end(nil) } }

    /// Starts an engine on what is plugged in now.
    private func listen() throws {
        let engine = AVAudioEngine()
        let input = engine.inputNode
        let format = input.outputFormat(forBus: 0)
        guard format.channelCount > 0, format.sampleRate > 0 else {
            throw SentioError.microphone("there is no microphone; plug one in")
        }
        let continuation = self.continuation
        // Whatever format the hardware has now: one that was asked for a moment ago may be refused, beyond any catch.
        input.installTap(onBus: 0, bufferSize: Microphone.frames, format: nil) { buffer, _ in
            let samples = PCM.downmix(planes: buffer.planes)
            let rate = Int(buffer.format.sampleRate.rounded())
            if !samples.isEmpty { continuation?.yield(PCMBlock(samples: samples, sampleRate: rate)) }
        }
        engine.prepare()
        do {
            try engine.start()
        } catch {
            input.removeTap(onBus: 0)
            throw error
        }
        self.engine = engine
    }

    private func watch() {
        observe(.AVAudioEngineConfigurationChange) { microphone, _ in microphone.routeChanged() }
        #if os(iOS)
        observe(AVAudioSession.interruptionNotification) { microphone, kind in
            if kind == AVAudioSession.InterruptionType.began.rawValue {
                microphone.lose("the microphone was taken by a call or another app; start again when it is free")
            }
        }
        observe(AVAudioSession.mediaServicesWereResetNotification) { microphone, _ in
            microphone.lose("the system's audio was restarted; start again")
        }
        #endif
    }

    /// - Parameter react: is given the kind of interruption, where the notification is one.
    private func observe(_ name: Notification.Name, _ react: @escaping @Sendable (Microphone, UInt?) -> Void) {
        let observer = NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) {
            [weak self] note in
            #if os(iOS)
            let kind = note.userInfo?[AVAudioSessionInterruptionTypeKey] as? UInt
            #else
            let kind: UInt? = nil
            #endif
            guard let microphone = self else { return }
            microphone.queue.async { react(microphone, kind) }
        }
        observers.append(observer)
    }

    private func routeChanged() {
        guard continuation != nil, let engine = engine, !engine.isRunning else { return }
        engine.inputNode.removeTap(onBus: 0)
        self.engine = nil
        do {
            try listen()
        } catch {
            lose((error as? SentioError)?.message ?? "the microphone was lost (\(error.localizedDescription)); start again")
        }
    }

    private func lose(_ why: String) { end(SentioError.microphone(why)) }

    private func end(_ error: SentioError?) {
        for observer in observers { NotificationCenter.default.removeObserver(observer) }
        observers = []
        if let engine = engine {
            engine.inputNode.removeTap(onBus: 0)
            engine.stop()
            self.engine = nil
        }
        guard let continuation = continuation else { return }
        self.continuation = nil
        releaseSession()
        continuation.finish(throwing: error)
    }

    private func activateSession() throws {
        #if os(iOS)
        let session = AVAudioSession.sharedInstance()
        try session.setCategory(.record, mode: .measurement, options: [])
        try session.setActive(true, options: [])
        #endif
    }

    private func releaseSession() {
        #if os(iOS)
        try? AVAudioSession.sharedInstance().setActive(false, options: .notifyOthersOnDeactivation)
        #endif
    }
}
