import CoreML
import Foundation
import SentioCore

/// Models as Core ML compiled them on this device, kept by the hash of what they were compiled from.
struct CompiledModels: Sendable {
    let files: CompiledFiles

    /// In Caches: the system may empty it, and the next start compiles again.
    static var standardFolder: URL {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
        return (caches ?? FileManager.default.temporaryDirectory).appendingPathComponent("sentio-models")
    }

    init(folder: URL = CompiledModels.standardFolder) { files = CompiledFiles(folder: folder) }

    /// Loads a model, compiling it where that has not been done by this version of the system; deletes what earlier
    /// versions of it left.
    ///
    /// - Returns: the model, and where its compiled files lie.
    /// - Throws: `SentioError.damaged` where Core ML refuses it.
    func load(_ source: ModelFolder, configuration: MLModelConfiguration) throws -> (model: MLModel, place: URL) {
        let place = files.url(for: source)
        if FileManager.default.fileExists(atPath: place.path) {
            if let model = try? MLModel(contentsOf: place, configuration: configuration) { return (model, place) }
            // Half written, or by another compiler: made again below.
            try? FileManager.default.removeItem(at: place)
        }
        do {
            let compiled = try compile(source.artifactURL, to: place)
            let model = try MLModel(contentsOf: compiled, configuration: configuration)
            files.deleteOlder(than: source)
            return (model, compiled)
        } catch {
            throw SentioError.damaged(
                "\(source.artifact.path): Core ML cannot load it (\(error.localizedDescription)); package the app again")
        }
    }

    private func compile(_ model: URL, to place: URL) throws -> URL {
        let temporary = try MLModel.compileModel(at: model)
        do {
            try FileManager.default.createDirectory(at: files.folder, withIntermediateDirectories: true)
            try FileManager.default.moveItem(at: temporary, to: place)
            return place
        } catch {
            // Another task was faster, or the disk is full: either way the model runs.
            if FileManager.default.fileExists(atPath: place.path) {
                try? FileManager.default.removeItem(at: temporary)
                return place
            }
            return temporary
        }
    }
}
