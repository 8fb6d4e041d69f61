import Foundation

/// Where models that a device compiled are kept, and which of them are of no more use.
///
/// A compiled model is named after the model folder, after the files that it was compiled from, and after the system,
/// whose next version has another compiler.
public struct CompiledFiles: Sendable {
    /// The folder that they lie in; nothing else may.
    public let folder: URL
    private let system: String

    /// - Parameter system: the version of the system, such as `17.4.1`.
    public init(folder: URL, system: OperatingSystemVersion = ProcessInfo.processInfo.operatingSystemVersion) {
        self.folder = folder
        self.system = "\(system.majorVersion).\(system.minorVersion).\(system.patchVersion)"
    }

    /// The place of a model.
    public func url(for source: ModelFolder) -> URL {
        folder.appendingPathComponent("\(family(source))-\(source.artifactDigest)-\(system).mlmodelc")
    }

    /// Deletes what was compiled from older files of the same model, or by another version of the system.
    ///
    /// A model that is running goes on: its files are open. What cannot be deleted stays until the next time.
    ///
    /// - Parameter source: the model whose newest files stay.
    public func deleteOlder(than source: ModelFolder) {
        let kept = url(for: source).lastPathComponent
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] where name != kept {
            if name.hasPrefix(family(source) + "-") || !name.hasSuffix("-\(system).mlmodelc") {
                try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
            }
        }
    }

    /// 16 digits that stay the same when an app's model folder gets another release of its model.
    private func family(_ source: ModelFolder) -> String {
        let words = [source.url.lastPathComponent, source.manifest.name, source.artifact.label]
        return String(FileDigest.hex(of: Data(words.joined(separator: "\n").utf8)).prefix(16))
    }
}
