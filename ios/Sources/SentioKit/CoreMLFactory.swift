import CoreML
import Foundation
import SentioCore

/// Loads Core ML models, on the compute units that were asked for or, where those fail, on the processor.
public struct CoreMLFactory: BackendFactory {
    /// How far fast compute units may be from the golden answers; half-precision arithmetic stays well below.
    static let tolerance: Float = 0.02

    private let compute: ComputeUnits
    private let cache: CompiledModels

    /// - Parameter compute: what may compute.
    public init(compute: ComputeUnits = .all) {
        self.compute = compute
        cache = CompiledModels(folder: CompiledModels.standardFolder)
    }

    /// ML Programs came with iOS 15 and macOS 12; neural networks run everywhere.
    public var formats: [String] {
        if #available(iOS 15.0, macOS 12.0, *) { return ["coreml", "mlmodel"] }
        return ["mlmodel"]
    }

    public func open(_ folder: ModelFolder) async throws -> any Backend { try load(folder) }

    /// Loads a model, and proves it on a golden vector before anything faster than the processor is trusted.
    func load(_ folder: ModelFolder) throws -> CoreMLBackend {
        if let reason = CoreMLFactory.processorOnly(folder), compute != .cpu {
            return try backend(folder, .cpu, "CPU (\(reason))")
        }
        if compute == .cpu { return try backend(folder, .cpu, ComputeUnits.cpu.words) }
        let proof = try folder.proof()
        do {
            let fast = try backend(folder, compute, compute.words)
            guard let proof = proof else { return fast }
            let allowed = max(CoreMLFactory.tolerance, Float(folder.artifact.parity?.tolerance ?? 0))
            if CoreMLFactory.isNear(try fast.run(proof.input), proof.output, within: allowed) { return fast }
        } catch is SentioError {
            // Loading or running failed: the processor alone has its try, and its error is the one to tell.
        }
        return try backend(folder, .cpu, "CPU (\(compute.words) failed or gave other answers)")
    }

    /// Why a model must not leave the processor: other units compute neural networks in half precision, whose range the
    /// powers of a spectrum leave. ML Programs keep the precision that they state.
    static func processorOnly(_ folder: ModelFolder) -> String? {
        folder.artifact.format == "mlmodel" && folder.form == .waveform ? "its front end needs full precision" : nil
    }

    private func backend(_ folder: ModelFolder, _ units: ComputeUnits, _ words: String) throws -> CoreMLBackend {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units.coreML
        let model = try cache.load(folder, configuration: configuration)
        return try CoreMLBackend(model, folder: folder, computing: "Core ML, \(words)")
    }

    private static func isNear(_ found: [Float], _ wanted: [Float], within allowed: Float) -> Bool {
        found.count == wanted.count && zip(found, wanted).allSatisfy { abs($0 - $1) <= allowed }
    }
}
