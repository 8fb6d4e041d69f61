/// A loaded model, whatever computes it.
///
/// `Sentio` calls it for one input at a time.
public protocol Backend: Sendable {
    /// What computes, in words for reports.
    var computing: String { get }

    /// The model's answer.
    ///
    /// - Parameter input: the numbers of its input, in order.
    /// - Returns: valence and arousal.
    /// - Throws: `SentioError.damaged` where the model cannot be run.
    func run(_ input: [Float]) throws -> [Float]
}

/// Loads models of some formats.
public protocol BackendFactory: Sendable {
    /// Those that it can load on this system, as manifests call them.
    var formats: [String] { get }

    /// What this system lacks for an artifact of one of `formats`, such as "iOS 16"; nil where it can be loaded.
    func lack(for artifact: Manifest.Artifact) -> String?

    /// - Parameter folder: its chosen artifact is of one of `formats`, and was checked.
    /// - Throws: `SentioError.damaged` where the artifact cannot be loaded.
    func open(_ folder: ModelFolder) async throws -> any Backend
}

extension BackendFactory {
    public func lack(for artifact: Manifest.Artifact) -> String? { nil }
}
