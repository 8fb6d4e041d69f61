import CoreML
import Foundation
import SentioCore

/// Models as Core ML compiled them on this device, kept by the hash of what they were compiled from.
struct CompiledModels: Sendable {
    let folder: URL

    /// In Caches: the system may empty it, and the next start compiles again.
    static var standardFolder: URL {
        let caches = FileManager.default.urls(for: .cachesDirectory, in: .userDomainMask).first
        return (caches ?? FileManager.default.temporaryDirectory).appendingPathComponent("sentio-models")
    }

    /// Loads a model, compiling it where that has not been done by this version of the system.
    ///
    /// - Throws: `SentioError.damaged` where Core ML refuses it.
    func load(_ source: ModelFolder, configuration: MLModelConfiguration) throws -> MLModel {
        let place = url(for: source)
        if FileManager.default.fileExists(atPath: place.path) {
            if let model = try? MLModel(contentsOf: place, configuration: configuration) { return model }
            // Half written, or by another compiler: made again below.
            try? FileManager.default.removeItem(at: place)
        }
        do {
            return try MLModel(contentsOf: compile(source.artifactURL, to: place), configuration: configuration)
        } catch {
            throw SentioError.damaged(
                "\(source.artifact.path): Core ML cannot load it (\(error.localizedDescription)); package the app again")
        }
    }

    /// Where the compiled model of a folder is kept. Another system version has another compiler.
    func url(for source: ModelFolder) -> URL {
        let system = ProcessInfo.processInfo.operatingSystemVersion
        let version = "\(system.majorVersion).\(system.minorVersion).\(system.patchVersion)"
        return folder.appendingPathComponent("\(source.artifactDigest)-\(version).mlmodelc")
    }

    private func compile(_ model: URL, to place: URL) throws -> URL {
        let temporary = try MLModel.compileModel(at: model)
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
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
