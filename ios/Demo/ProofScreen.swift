import SentioKit
import SwiftUI

/// Does the model answer as it must on this device, and how fast? Both as JSON to share.
struct ProofScreen: View {
    @EnvironmentObject private var listener: Listener
    @State private var json: String?
    @State private var latency: String?
    @State private var fault: String?
    @State private var isRunning = false

    var body: some View {
        List {
            if let model = listener.model {
                Section("Model") {
                    row("Name", "\(model.folder.manifest.name) \(model.folder.manifest.release)")
                    row("Artifact", model.folder.artifact.label)
                    row("Computes on", model.computing)
                    row("Loaded in", String(format: "%.0f ms", model.loadMs))
                    row("Licence", model.folder.manifest.licence)
                }
                Section {
                    Button("Check the golden vectors") { run { try await model.checkDevice().sentioJSON() } }
                    Button("Measure latency") { run { try await measure(model) } }
                }
                .disabled(isRunning || listener.isBusy)
            }
            if isRunning { ProgressView("Computing") }
            if let fault = fault { Text(fault).foregroundColor(.red) }
            if let latency = latency { Text(latency) }
            if let json = json {
                Section("Result") {
                    Text(json).font(.footnote.monospaced()).textSelection(.enabled)
                    // On iOS 15 the text can be selected and copied.
                    if #available(iOS 16.0, *) { ShareLink("Share as JSON", item: json) }
                }
            }
        }
        .navigationTitle("Proof")
    }

    private func row(_ name: String, _ value: String) -> some View {
        HStack {
            Text(name)
            Spacer()
            Text(value).foregroundColor(.secondary).multilineTextAlignment(.trailing)
        }
        .accessibilityElement(children: .combine)
    }

    /// The JSON has every single time; the screen shows what they come to.
    private func measure(_ model: Sentio) async throws -> String {
        let report = try await model.benchmark()
        latency = report.measured.first.map { runs in
            String(
                format: "p50 %.1f ms, p90 %.1f ms, p99 %.1f ms", runs.percentile(50), runs.percentile(90),
                runs.percentile(99))
        }
        return try report.sentioJSON()
    }

    private func run(_ work: @escaping @Sendable () async throws -> String) {
        isRunning = true
        json = nil
        latency = nil
        fault = nil
        Task {
            do {
                json = try await work()
            } catch {
                fault = Listener.words(error)
            }
            isRunning = false
        }
    }
}
