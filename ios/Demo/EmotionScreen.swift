import SentioKit
import SwiftUI
import UIKit
import UniformTypeIdentifiers

/// Pick a song or listen; see how it feels.
struct EmotionScreen: View {
    @EnvironmentObject private var listener: Listener
    @State private var isPicking = false

    var body: some View {
        ScrollView {
            VStack(spacing: 20) {
                PlaneView(answers: listener.answers)
                    .frame(maxWidth: 480)
                AnswerView(answer: listener.answers.last)
                TrajectoryView(answers: listener.answers)
                    .frame(height: 120)
                if let fault = listener.fault {
                    Label(fault, systemImage: "exclamationmark.triangle")
                        .font(.callout)
                        .foregroundColor(.red)
                        .frame(maxWidth: .infinity, alignment: .leading)
                    if listener.isMicrophoneFault, let settings = URL(string: UIApplication.openSettingsURLString) {
                        Link("Open Settings", destination: settings)
                    }
                }
                buttons
            }
            .padding()
        }
        .navigationTitle("How it feels")
        .toolbar {
            ToolbarItem(placement: .navigationBarTrailing) {
                NavigationLink("Proof") { ProofScreen() }
                    .disabled(listener.model == nil)
            }
        }
        .fileImporter(isPresented: $isPicking, allowedContentTypes: [.audio], onCompletion: picked)
    }

    @ViewBuilder private var buttons: some View {
        switch listener.activity {
        case .loading:
            ProgressView("Loading the model")
        case .idle:
            if listener.model == nil {
                button("Try again", "arrow.clockwise") { Task { await listener.load() } }
            } else {
                button("Choose a song", "music.note") { isPicking = true }
                button("Listen", "mic") { listener.listen() }
            }
        case .song(let name):
            Text(name).font(.footnote).foregroundColor(.secondary).lineLimit(1)
            button("Stop", "stop.fill") { listener.stop() }
        case .microphone:
            Text(listener.answers.isEmpty ? "Listening; the first answer takes five seconds" : "Listening")
                .font(.footnote)
                .foregroundColor(.secondary)
            button("Stop", "stop.fill") { listener.stop() }
        }
    }

    private func button(_ title: String, _ image: String, action: @escaping () -> Void) -> some View {
        Button(action: action) {
            Label(title, systemImage: image).frame(maxWidth: .infinity)
        }
        .buttonStyle(.borderedProminent)
        .controlSize(.large)
    }

    private func picked(_ result: Result<URL, Error>) {
        switch result {
        case .success(let song): listener.follow(song)
        case .failure(let error): listener.report(error)
        }
    }
}

/// The newest answer in words and numbers.
struct AnswerView: View {
    let answer: Emotion?

    var body: some View {
        VStack(spacing: 6) {
            Text(answer?.words ?? "no answer yet").font(.title2).bold()
            if let answer = answer {
                Text("valence \(number(answer.valence)), arousal \(number(answer.arousal))").font(.body)
                Text("\(clock(answer.start)) to \(clock(answer.end)), computed in \(milliseconds(answer))")
                    .font(.footnote)
                    .foregroundColor(.secondary)
            }
        }
        .multilineTextAlignment(.center)
        .accessibilityElement(children: .combine)
    }

    private func number(_ value: Double) -> String { String(format: "%+.2f", value) }

    private func milliseconds(_ answer: Emotion) -> String { String(format: "%.0f ms", answer.inferenceMs) }

    private func clock(_ seconds: Double) -> String { String(format: "%d:%02d", Int(seconds) / 60, Int(seconds) % 60) }
}
