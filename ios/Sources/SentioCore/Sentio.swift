import Foundation

/// A loaded model with the front end before it: what an app talks to.
///
/// An actor: any number of tasks may ask at once, and one is answered after another.
public actor Sentio {
    /// What the model is fed and answers.
    public nonisolated let spec: ModelSpec
    /// The checked folder that it came from.
    public nonisolated let folder: ModelFolder
    /// What computes, in words.
    public nonisolated let computing: String
    /// How long checking and loading took, in milliseconds.
    public nonisolated let loadMs: Double

    private let backend: any Backend
    private let frontEnd: FrontEnd

    init(folder: ModelFolder, backend: any Backend, loadMs: Double = 0) {
        self.folder = folder
        self.backend = backend
        self.loadMs = loadMs
        spec = folder.spec
        computing = backend.computing
        frontEnd = FrontEnd(folder.spec, form: folder.form)
    }

    /// Loads the first model of a folder that one of the back ends runs.
    ///
    /// - Parameters:
    ///   - url: the model folder; the files of the chosen model are hashed before any of them is parsed.
    ///   - backends: what can run models here.
    ///   - signer: the public key, as PEM, whose owner must have signed the folder; nil to ask for no signature.
    /// - Throws: `SentioError.missingFile`, `.damaged`, `.newerSchema`, `.noArtifact`, `.tampered`, `.parameter`.
    public static func open(
        _ url: URL, backends: [any BackendFactory], signedBy signer: String? = nil
    ) async throws -> Sentio {
        let clock = Stopwatch()
        let fitting = { (artifact: Manifest.Artifact) in backends.filter { $0.formats.contains(artifact.format) } }
        let folder = try ModelFolder(url, formats: backends.flatMap { $0.formats }, signedBy: signer) { artifact in
            let lacks = fitting(artifact).map { $0.lack(for: artifact) }
            return lacks.contains(nil) ? nil : lacks.first ?? nil
        }
        guard let factory = fitting(folder.artifact).first(where: { $0.lack(for: folder.artifact) == nil }) else {
            throw SentioError.noArtifact("\(url.lastPathComponent): has no model that this system runs")
        }
        let backend = try await factory.open(folder)
        return Sentio(folder: folder, backend: backend, loadMs: clock.milliseconds)
    }

    /// The emotion of the first clip of sound in memory; with `pooling`, of all of it.
    ///
    /// - Parameters:
    ///   - pcm: mono, full scale at -1 and 1; `PCM.downmix` makes mono of several channels.
    ///   - sampleRate: samples a second, 1000 Hz or more.
    ///   - song: what the answer is to be called.
    /// - Throws: `SentioError.audio`, `.damaged`; `CancellationError`.
    public func predict(_ pcm: [Float], sampleRate: Double, song: String = "PCM") throws -> Emotion {
        let rate = try PCM.checkedRate(sampleRate, name: song)
        return try predict(song: song) { MemorySource(pcm, sampleRate: rate) }
    }

    /// The emotion of the first clip of a source, no more of which is read; with `pooling`, of all of it.
    ///
    /// - Parameters:
    ///   - song: what the answer is to be called.
    ///   - source: opens the sound.
    /// - Throws: `SentioError.audio`, `.damaged`; `CancellationError`.
    public func predict(song: String, source: @Sendable () throws -> any PCMSource) throws -> Emotion {
        let reader = try SoundReader(source(), rate: spec.audio.sampleRate, name: song)
        let windows = SongWindows(reader, spec: spec.audio, every: spec.audio.seconds)
        var answers: [Emotion] = []
        while let window = try windows.next() {
            answers.append(try answer(window, song: song))
            if spec.pooling == nil { break }
        }
        return Emotion.mean(answers)
    }

    /// The emotion of window after window of a song, in memory that does not grow with it.
    ///
    /// Each window is computed when it is asked for. Windows are one clip long and lie wholly within the song; their
    /// starts are rounded down to the hop. A shorter song gives one answer.
    ///
    /// - Parameters:
    ///   - song: what the answers are to be called.
    ///   - every: seconds from one window to the next; the spec's hop, 23 ms, or more.
    ///   - source: opens the sound.
    /// - Throws: `SentioError.parameter` at once; while iterating, what `predict` throws.
    public nonisolated func trajectory(
        song: String, every: Double = 1, source: @escaping @Sendable () throws -> any PCMSource
    ) throws -> Trajectory {
        try SongWindows.check(every: every, spec: spec.audio)
        return Trajectory(model: self, song: song, every: every, source: source)
    }

    /// The emotion of window after window of sound in memory.
    ///
    /// - Throws: as `trajectory(song:every:source:)`.
    public nonisolated func trajectory(
        _ pcm: [Float], sampleRate: Double, every: Double = 1, song: String = "PCM"
    ) throws -> Trajectory {
        let rate = try PCM.checkedRate(sampleRate, name: song)
        return try trajectory(song: song, every: every) { MemorySource(pcm, sampleRate: rate) }
    }

    /// The emotion of live sound: one answer each `every` seconds, of the newest clip.
    ///
    /// Where the model, or whoever takes the answers, is slower than that, answers in between are left out: there is no
    /// queue. The source starts when the first answer is asked for. It stops when the task is cancelled or the loop is
    /// left. A source that is lost in the middle ends the sequence with its error.
    ///
    /// - Parameters:
    ///   - source: such as a microphone.
    ///   - every: seconds of sound from one answer to the next; the spec's hop or more.
    ///   - minimum: seconds of sound before the first answer; a clip is always enough.
    ///   - song: what the answers are to be called.
    /// - Throws: `SentioError.parameter` at once; while iterating, what the source throws, and `.audio`, `.damaged`.
    public nonisolated func stream(
        _ source: any LiveSource, every: Double = 1, minimum: Double = 5, song: String = "microphone"
    ) throws -> LiveEmotions {
        try SongWindows.check(every: every, spec: spec.audio)
        guard minimum > 0 else {
            throw SentioError.parameter("minimum \(minimum) s is no time to hear; give more than 0 s")
        }
        return LiveEmotions(
            model: self, source: source, every: every, minimum: min(minimum, spec.audio.seconds), song: song)
    }

    /// The answer for one clip.
    func answer(_ window: Window, song: String) throws -> Emotion {
        try Task.checkCancellation()
        let clock = Stopwatch()
        let output = try backend.run(frontEnd.input(window.pcm))
        let milliseconds = clock.milliseconds
        guard output.count == spec.outputs.count, output.allSatisfy({ $0.isFinite }) else {
            throw SentioError.damaged(
                "the model's answer for \(song) is not two numbers; export the model again and verify it")
        }
        let rate = Double(spec.audio.sampleRate)
        return Emotion(
            song: song, valence: Double(output[0]), arousal: Double(output[1]), start: Double(window.start) / rate,
            end: Double(window.start + window.heard) / rate, uncertainty: spec.uncertainty,
            inferenceMs: milliseconds, silent: window.isSilent)
    }
}
