import SentioKit
import SwiftUI

/// What the screen shows, and the one task that may be going on. It outlives views, so turning the device changes nothing.
@MainActor
final class Listener: ObservableObject {
    enum Activity: Equatable {
        case loading, idle, song(String), microphone
    }

    @Published private(set) var activity = Activity.loading
    /// What was answered, oldest first; kept when the microphone is lost.
    @Published private(set) var answers: [Emotion] = []
    /// What went wrong, for the person who uses the app.
    @Published private(set) var fault: String?
    /// Whether it has to do with the microphone, which the app's settings may mend.
    @Published private(set) var isMicrophoneFault = false
    @Published private(set) var model: Sentio?

    private var task: Task<Void, Never>?

    var isBusy: Bool { activity != .idle }

    /// Loads the model that the app carries; harmless when it is loaded already.
    func load() async {
        guard model == nil else { return }
        activity = .loading
        fault = nil
        do {
            guard let folder = Bundle.main.url(forResource: "sentio", withExtension: nil) else {
                throw SentioError.missingFile("the app carries no model folder named sentio; package it again")
            }
            model = try await Sentio.open(folder)
        } catch {
            report(error)
        }
        activity = .idle
    }

    /// Follows a song from its beginning to its end, faster than it plays.
    func follow(_ song: URL) {
        begin(.song(song.lastPathComponent)) { model in
            let isScoped = song.startAccessingSecurityScopedResource()
            defer { if isScoped { song.stopAccessingSecurityScopedResource() } }
            for try await answer in try model.trajectory(song, every: 2) { self.answers.append(answer) }
        }
    }

    /// Follows what the microphone hears until it is stopped.
    func listen() {
        begin(.microphone) { model in
            for try await answer in try model.stream(Microphone(), every: 1) { self.keep(answer) }
        }
    }

    func stop() { task?.cancel() }

    func leaveMicrophone() {
        if activity == .microphone { stop() }
    }

    func report(_ error: Error) {
        fault = Listener.words(error)
        if case SentioError.microphone = error { isMicrophoneFault = true } else { isMicrophoneFault = false }
    }

    /// An error for the person who reads it, on one line.
    static func words(_ error: Error) -> String {
        (error as? SentioError)?.message ?? error.localizedDescription
    }

    private func begin(_ what: Activity, _ work: @escaping @MainActor (Sentio) async throws -> Void) {
        guard let model = model, !isBusy else { return }
        activity = what
        answers = []
        fault = nil
        task = Task {
            do {
                try await work(model)
            } catch is CancellationError {
                // Somebody pressed Stop; what was answered stays.
            } catch {
                report(error)
            }
            activity = .idle
        }
    }

    /// Ten minutes of a microphone are enough to look back on.
    private func keep(_ answer: Emotion) {
        answers.append(answer)
        if answers.count > 600 { answers.removeFirst() }
    }
}
