import CoreML
import Foundation
import SentioCore

/// Loads Core ML models, on the compute units that were asked for or, where those fail, on the processor.
public struct CoreMLFactory: BackendFactory {
    private let compute: ComputeUnits
    private let cache = CompiledModels()

    /// - Parameter compute: what may compute.
    public init(compute: ComputeUnits = .all) { self.compute = compute }

    public var formats: [String] { ["coreml", "mlmodel"] }

    /// ML Programs with 8-bit weights came a year after ML Programs.
    public func lack(for artifact: Manifest.Artifact) -> String? {
        guard artifact.format == "coreml", artifact.precision == "int8" else { return nil }
        if #available(iOS 16.0, macOS 13.0, *) { return nil }
        return "iOS 16 or macOS 13"
    }

    public func open(_ folder: ModelFolder) async throws -> any Backend {
        let loaded = try load(folder)
        let placement = await Placement.words(loaded.place, loaded.configuration)
        return try CoreMLBackend(loaded.model, folder: folder, computing: loaded.words(placement))
    }

    /// A model that answers, and how it was loaded.
    struct Loaded {
        let model: MLModel
        let place: URL
        let configuration: MLModelConfiguration
        /// The units that it may use.
        let units: ComputeUnits
        /// Why these are not the ones that were asked for, where they are not.
        let why: String?

        /// What computes: where the system does not tell, what was asked for, and that it is no more than that.
        func words(_ placement: String?) -> String {
            let asked = units == .cpu ? "CPU" : "asked for \(units.words), and this system does not tell what it took"
            return "Core ML, \(placement ?? asked)\(why.map { " (\($0))" } ?? "")"
        }
    }

    /// Loads a model, and proves it on a golden vector before anything faster than the processor is trusted.
    func load(_ folder: ModelFolder) throws -> Loaded {
        if compute == .cpu { return try load(folder, .cpu) }
        if let reason = CoreMLFactory.processorOnly(folder) { return try load(folder, .cpu, why: reason) }
        let proof = try folder.proof()
        do {
            let fast = try load(folder, compute)
            guard let proof = proof else { return fast }
            let found = try CoreMLBackend(fast.model, folder: folder, computing: "").run(proof.input)
            if CoreMLFactory.isNear(found, proof.output, within: folder.tolerance) { return fast }
        } catch is SentioError {
            // Loading or running failed: the processor alone has its try, and its error is the one to tell.
        }
        return try load(folder, .cpu, why: "\(compute.words) failed or gave other answers")
    }

    /// Why a model must not leave the processor: other units compute neural networks in half precision, whose range the
    /// powers of a spectrum leave. ML Programs keep the precision that they state.
    static func processorOnly(_ folder: ModelFolder) -> String? {
        folder.artifact.format == "mlmodel" && folder.form == .waveform ? "its front end needs full precision" : nil
    }

    private func load(_ folder: ModelFolder, _ units: ComputeUnits, why: String? = nil) throws -> Loaded {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units.coreML
        let (model, place) = try cache.load(folder, configuration: configuration)
        return Loaded(model: model, place: place, configuration: configuration, units: units, why: why)
    }

    private static func isNear(_ found: [Float], _ wanted: [Float], within allowed: Double) -> Bool {
        found.count == wanted.count && zip(found, wanted).allSatisfy { Double(abs($0 - $1)) <= allowed }
    }
}
