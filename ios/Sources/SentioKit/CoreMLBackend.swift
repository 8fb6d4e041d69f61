import CoreML
import Foundation
import SentioCore

/// A model that Core ML computes.
///
/// Unchecked: `MLModel` wants one caller at a time, and `Sentio`, which alone calls it, is an actor.
final class CoreMLBackend: Backend, @unchecked Sendable {
    let computing: String
    private let model: MLModel
    private let inputName: String
    private let outputName: String
    private let shape: [NSNumber]
    private let count: Int
    private let place: String

    /// - Throws: `SentioError.damaged` where the model's input or output is not what the manifest says.
    init(_ model: MLModel, folder: ModelFolder, computing: String) throws {
        self.model = model
        self.computing = computing
        place = folder.artifact.path
        inputName = folder.form.rawValue
        outputName = folder.spec.outputName
        let wanted = folder.spec.inputShape(folder.form)
        shape = wanted.map { NSNumber(value: $0) }
        count = wanted.reduce(1, *)
        let description = model.modelDescription
        let found = description.inputDescriptionsByName[inputName]?.multiArrayConstraint?.shape.map { $0.intValue }
        guard found == wanted, description.outputDescriptionsByName[outputName] != nil else {
            throw SentioError.damaged(
                "\(place): takes \(inputName) \(found ?? []) where the manifest says \(wanted); package the app again")
        }
    }

    func run(_ input: [Float]) throws -> [Float] {
        guard input.count == count else {
            throw SentioError.damaged("\(place): is fed \(input.count) numbers instead of \(count); report this")
        }
        do {
            let array = try MLMultiArray(shape: shape, dataType: .float32)
            input.withUnsafeBytes { bytes in
                if let start = bytes.baseAddress { array.dataPointer.copyMemory(from: start, byteCount: bytes.count) }
            }
            let features = try MLDictionaryFeatureProvider(
                dictionary: [inputName: MLFeatureValue(multiArray: array)])
            let answer = try model.prediction(from: features)
            guard let output = answer.featureValue(for: outputName)?.multiArrayValue else { return [] }
            return (0..<output.count).map { output[$0].floatValue }
        } catch {
            throw SentioError.damaged(
                "\(place): Core ML cannot run it (\(error.localizedDescription)); package the app again")
        }
    }
}
