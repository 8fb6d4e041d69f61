import SentioKit
import SwiftUI

/// Valence and arousal over time.
struct TrajectoryView: View {
    let answers: [Emotion]

    var body: some View {
        VStack(alignment: .leading, spacing: 4) {
            GeometryReader { space in
                ZStack {
                    line(space.size) { _ in 0 }.stroke(Color.secondary.opacity(0.5), lineWidth: 1)
                    line(space.size) { $0.valence }.stroke(Color.accentColor, lineWidth: 2)
                    line(space.size) { $0.arousal }
                        .stroke(Color.orange, style: StrokeStyle(lineWidth: 2, dash: [6, 3]))
                }
            }
            HStack(spacing: 16) {
                Text("valence").foregroundColor(.accentColor)
                Text("arousal (dashed)").foregroundColor(.orange)
                Spacer()
            }
            .font(.caption)
        }
        .accessibilityElement(children: .ignore)
        .accessibilityLabel("Valence and arousal over time")
        .accessibilityValue(spoken)
    }

    private var spoken: String {
        guard let first = answers.first, let last = answers.last, answers.count > 1 else { return "no course yet" }
        return "from \(first.words) to \(last.words), \(answers.count) answers"
    }

    private func line(_ size: CGSize, _ value: @escaping (Emotion) -> Double) -> Path {
        Path { path in
            guard let first = answers.first, let last = answers.last, last.time > first.time else { return }
            path.addLines(
                answers.map { answer in
                    let across: Double = (answer.time - first.time) / (last.time - first.time)
                    let down: Double = (1 - min(1, max(-1, value(answer)))) / 2
                    return CGPoint(x: size.width * CGFloat(across), y: size.height * CGFloat(down))
                })
        }
    }
}
