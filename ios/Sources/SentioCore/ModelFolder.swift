import Foundation

/// A model folder whose chosen artifact was checked: what an app carries of a bundle.
public struct ModelFolder: Sendable {
    public let url: URL
    public let manifest: Manifest
    /// The first of the manifest's artifacts that this system runs.
    public let artifact: Manifest.Artifact
    /// What the artifact is fed.
    public let form: Form

    static let goldenName = "golden.safetensors"
    /// How far answers may be from the golden ones where the artifact does not state it.
    static let leastTolerance = 1e-3

    public var spec: ModelSpec { manifest.spec }
    /// How far answers may be from the golden ones, on the scale from -1 to 1: one limit for opening and for checking.
    public var tolerance: Double { max(ModelFolder.leastTolerance, artifact.parity?.tolerance ?? 0) }
    /// Where the artifact lies: a file, or a folder.
    public var artifactURL: URL { url.appendingPathComponent(artifact.path) }

    /// One digest for the artifact's whole content, such as a cache can be named after.
    public var artifactDigest: String {
        let lines = manifest.files(of: artifact).map { "\($0) \(manifest.files[$0]?.sha256 ?? "")" }
        return FileDigest.hex(of: Data(lines.joined(separator: "\n").utf8))
    }

    /// Opens a folder; each file of the chosen artifact is hashed before any of them is parsed.
    ///
    /// - Parameters:
    ///   - url: the folder that `manifest.json` lies in.
    ///   - formats: those that can be run here, such as `["coreml", "mlmodel"]`.
    ///   - forms: what can be made here to feed a model with.
    ///   - signer: the public key, as PEM, whose owner must have signed the folder; nil to ask for no signature.
    ///   - lack: what this system lacks for an artifact; nil where it can be run.
    /// - Throws: `SentioError.missingFile`, `.damaged`, `.newerSchema`, `.noArtifact`, `.tampered`; with a key what
    ///   `ModelSignature.check` throws.
    public init(
        _ url: URL, formats: [String], forms: [Form] = [.waveform, .spectrogram], signedBy signer: String? = nil,
        lack: (Manifest.Artifact) -> String? = { _ in nil }
    ) throws {
        let place = url.appendingPathComponent(Manifest.fileName)
        guard let data = try? Data(contentsOf: place) else {
            throw SentioError.missingFile(
                "\(url.lastPathComponent): has no \(Manifest.fileName); put a whole model folder there")
        }
        if let signer = signer {
            let sheet = try? Data(contentsOf: url.appendingPathComponent(ModelSignature.fileName))
            try ModelSignature.check(
                manifest: data, sheet: sheet, publicKey: signer, folder: url.lastPathComponent)
        }
        let manifest = try Manifest(json: data, place: "\(url.lastPathComponent)/\(Manifest.fileName)")
        let usable = manifest.artifacts.first { candidate in
            formats.contains(candidate.format) && forms.contains { $0.rawValue == candidate.form }
                && lack(candidate) == nil
        }
        guard let artifact = usable, let form = Form(rawValue: artifact.form) else {
            let have = manifest.artifacts.map { one in
                formats.contains(one.format) ? lack(one).map { "\(one.label), which needs \($0)" } ?? one.label : one.label
            }
            throw SentioError.noArtifact(
                "\(url.lastPathComponent): has no model that this system runs (it has "
                    + "\(have.isEmpty ? "none" : have.joined(separator: "; ")); this system takes "
                    + "\(formats.joined(separator: ", "))); package the app with another format or precision")
        }
        let files = manifest.files(of: artifact)
        if files.isEmpty {
            throw SentioError.damaged(
                "\(url.lastPathComponent)/\(Manifest.fileName): has no hash for \(artifact.path); do not use it")
        }
        self.url = url
        self.manifest = manifest
        self.artifact = artifact
        self.form = form
        for name in files { _ = try checkedData(name) }
    }

    /// The folder's own golden vectors; nil where it has none.
    ///
    /// - Throws: `SentioError.missingFile`, `.tampered`, `.damaged`.
    public func golden() throws -> Golden? {
        guard manifest.files[ModelFolder.goldenName] != nil else { return nil }
        return try Golden(Safetensors(checkedData(ModelFolder.goldenName), name: ModelFolder.goldenName), spec: spec)
    }

    /// A file of the folder that is what the manifest says.
    func checkedData(_ name: String) throws -> Data {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if name.hasPrefix("/") || parts.contains(where: { $0 == ".." || $0.isEmpty }) {
            throw SentioError.damaged("\(Manifest.fileName): names \(name), outside the model folder; do not use it")
        }
        guard let data = try? Data(contentsOf: url.appendingPathComponent(name), options: .mappedIfSafe) else {
            throw SentioError.missingFile("\(name): is missing from the model folder; copy the whole folder again")
        }
        guard let entry = manifest.files[name], FileDigest.hex(of: data) == entry.sha256 else {
            throw SentioError.tampered(
                "\(name): is not the file that the manifest was written for; copy the model folder again")
        }
        return data
    }
}
