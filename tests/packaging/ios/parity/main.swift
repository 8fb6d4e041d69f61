// Answers in Swift for the sound that a test gives, so that Python's own answers can be laid beside them. It is compiled
// together with the core. The model is a stand-in: valence is the clip's mean, arousal its root mean square.
import Foundation

struct Statistics: BackendFactory, Backend {
    var formats: [String] { ["fake"] }
    var computing: String { "statistics" }

    func open(_ folder: ModelFolder) async throws -> any Backend { self }

    func run(_ input: [Float]) throws -> [Float] {
        let count = Double(input.count)
        let mean = input.reduce(0.0) { $0 + Double($1) } / count
        let power = input.reduce(0.0) { $0 + Double($1) * Double($1) } / count
        return [Float(mean), Float(power.squareRoot())]
    }
}

/// One line of the test's list: a model folder, a file of raw 32-bit floats, its rate, and seconds from window to window.
struct Case: Decodable {
    let folder: String
    let pcm: String
    let rate: Double
    let every: Double?
}

struct Answers: Encodable {
    let whole: Emotion
    let windows: [Emotion]
}

let list = try JSONDecoder().decode([Case].self, from: Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1])))
var all: [Answers] = []
for one in list {
    let sentio = try await Sentio.open(URL(fileURLWithPath: one.folder), backends: [Statistics()])
    let data = try Data(contentsOf: URL(fileURLWithPath: one.pcm))
    let pcm = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    var windows: [Emotion] = []
    if let every = one.every {
        for try await window in try sentio.trajectory(pcm, sampleRate: one.rate, every: every, song: "song") {
            windows.append(window)
        }
    }
    all.append(Answers(whole: try await sentio.predict(pcm, sampleRate: one.rate, song: "song"), windows: windows))
}
print(try all.sentioJSON())
