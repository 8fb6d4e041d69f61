import CoreML

/// What may compute a model; the processor always may.
public enum ComputeUnits: String, CaseIterable, Sendable {
    /// Whatever Core ML finds fastest.
    case all
    /// The graphics processor.
    case gpu
    /// The Neural Engine; on systems before iOS 16 and macOS 13, the same as `all`.
    case neuralEngine
    /// The processor alone: the slowest, and the nearest to the reference.
    case cpu

    /// For reports.
    public var words: String {
        switch self {
        case .all: return "all compute units"
        case .gpu: return "CPU and GPU"
        case .neuralEngine: return "CPU and Neural Engine"
        case .cpu: return "CPU"
        }
    }

    var coreML: MLComputeUnits {
        switch self {
        case .all: return .all
        case .gpu: return .cpuAndGPU
        case .cpu: return .cpuOnly
        case .neuralEngine:
            if #available(iOS 16.0, macOS 13.0, *) { return .cpuAndNeuralEngine }
            return .all
        }
    }
}
