import Foundation

/// From a clip of PCM to what a model of one form is fed.
final class FrontEnd {
    private let spec: ModelSpec
    private let logMel: LogMel?

    init(_ spec: ModelSpec, form: Form) {
        self.spec = spec
        logMel = form == .spectrogram ? LogMel(spec.audio) : nil
    }

    /// The numbers of the model's input, in order.
    ///
    /// - Parameter clip: as many samples as the spec says, at its rate.
    func input(_ clip: [Float]) -> [Float] {
        guard let logMel = logMel else { return clip }
        let mel = Picture.normalized(logMel.levels(clip), spec: spec.audio)
        return Picture.standardized(Picture.resized(mel, spec: spec.audio), spec: spec)
    }
}

extension ModelFolder {
    /// What its model may be fed to prove a runtime, and what it must answer: the first golden vector.
    ///
    /// - Returns: nil where the folder has no golden vectors.
    /// - Throws: `SentioError.missingFile`, `.tampered`, `.damaged`.
    public func proof() throws -> (input: [Float], output: [Float])? {
        guard let golden = try golden() else { return nil }
        return (FrontEnd(spec, form: form).input(golden.clip(0, spec: spec.audio)), golden.outputs[0])
    }
}
