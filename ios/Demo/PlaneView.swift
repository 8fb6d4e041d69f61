import SentioKit
import SwiftUI

/// The plane of valence and arousal: the newest answer as a point, its interval as a box, those before as a trail.
struct PlaneView: View {
    let answers: [Emotion]

    private static let trail = 30

    var body: some View {
        GeometryReader { space in
            ZStack {
                axes(space.size)
                path(space.size).stroke(Color.accentColor.opacity(0.4), lineWidth: 2)
                if let answer = answers.last {
                    box(answer, space.size)
                    Circle()
                        .fill(Color.accentColor)
                        .frame(width: 18, height: 18)
                        .position(PlaneView.place(answer.valence, answer.arousal, space.size))
                        .animation(.easeInOut, value: answer)
                }
                corner("energetic", .top)
                corner("calm", .bottom)
                corner("unpleasant", .leading)
                corner("pleasant", .trailing)
            }
        }
        .aspectRatio(1, contentMode: .fit)
        .background(Color.secondary.opacity(0.12))
        .clipShape(RoundedRectangle(cornerRadius: 16))
        .accessibilityElement(children: .ignore)
        .accessibilityLabel("Plane of valence and arousal")
        .accessibilityValue(spoken)
    }

    /// Where a value stands, in points from the upper left corner; what lies beyond the scale is drawn on its edge.
    static func place(_ valence: Double, _ arousal: Double, _ size: CGSize) -> CGPoint {
        let across: Double = (min(1, max(-1, valence)) + 1) / 2
        let down: Double = (1 - min(1, max(-1, arousal))) / 2
        return CGPoint(x: size.width * CGFloat(across), y: size.height * CGFloat(down))
    }

    private var spoken: String {
        guard let answer = answers.last else { return "no answer yet" }
        return String(format: "%@: valence %.1f, arousal %.1f", answer.words, answer.valence, answer.arousal)
    }

    private func axes(_ size: CGSize) -> some View {
        Path { path in
            path.move(to: PlaneView.place(-1, 0, size))
            path.addLine(to: PlaneView.place(1, 0, size))
            path.move(to: PlaneView.place(0, -1, size))
            path.addLine(to: PlaneView.place(0, 1, size))
        }
        .stroke(Color.secondary.opacity(0.5), lineWidth: 1)
    }

    private func path(_ size: CGSize) -> Path {
        Path { path in
            path.addLines(answers.suffix(PlaneView.trail).map { PlaneView.place($0.valence, $0.arousal, size) })
        }
    }

    @ViewBuilder private func box(_ answer: Emotion, _ size: CGSize) -> some View {
        if let valence = answer.valenceInterval, let arousal = answer.arousalInterval {
            let upper = PlaneView.place(valence.low, arousal.high, size)
            let lower = PlaneView.place(valence.high, arousal.low, size)
            Rectangle()
                .fill(Color.accentColor.opacity(0.18))
                .frame(width: max(0, lower.x - upper.x), height: max(0, lower.y - upper.y))
                .position(x: (upper.x + lower.x) / 2, y: (upper.y + lower.y) / 2)
        }
    }

    private func corner(_ word: String, _ alignment: Alignment) -> some View {
        Text(word)
            .font(.caption)
            .foregroundColor(.secondary)
            .padding(6)
            .frame(maxWidth: .infinity, maxHeight: .infinity, alignment: alignment)
    }
}
