import Foundation
import SentioCore

extension Sentio {
    /// Loads a model folder on Core ML.
    ///
    /// - Parameters:
    ///   - url: the model folder; the files of the chosen model are hashed before any of them is parsed.
    ///   - compute: what may compute; where the model is wrong or fails on it, the processor alone does.
    ///   - signer: the public key, as PEM, whose owner must have signed the folder, such as one that was downloaded.
    /// - Throws: `SentioError.missingFile`, `.damaged`, `.newerSchema`, `.noArtifact`, `.tampered`, `.parameter`.
    public static func open(
        _ url: URL, compute: ComputeUnits = .all, signedBy signer: String? = nil
    ) async throws -> Sentio {
        try await open(url, backends: [CoreMLFactory(compute: compute)], signedBy: signer)
    }

    /// The emotion of the first clip of an audio file, no more of which is decoded; with `pooling`, of all of it.
    ///
    /// - Parameter file: of a kind that the system decodes, such as m4a, mp3, wav, aiff, flac.
    /// - Throws: `SentioError.audio`, `.damaged`; `CancellationError`.
    public func predict(_ file: URL) throws -> Emotion {
        try predict(song: file.lastPathComponent) { try FileSource(file) }
    }

    /// The emotion of window after window of an audio file, in memory that does not grow with it.
    ///
    /// - Parameters:
    ///   - file: of a kind that the system decodes.
    ///   - every: seconds from one window to the next.
    /// - Throws: `SentioError.parameter` at once; while iterating, what `predict` throws.
    public nonisolated func trajectory(_ file: URL, every: Double = 1) throws -> Trajectory {
        try trajectory(song: file.lastPathComponent, every: every) { try FileSource(file) }
    }
}
