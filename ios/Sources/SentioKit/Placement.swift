import CoreML
import Foundation

/// Which processors Core ML takes for the operations of a model, as far as the system tells.
enum Placement {
    /// The placement in words, such as "212 of 230 operations on the Neural Engine, 18 on the CPU".
    ///
    /// - Parameters:
    ///   - compiled: the compiled model.
    ///   - configuration: what it is loaded with.
    /// - Returns: nil before iOS 17.4 and macOS 14.4, and where Core ML does not say it for any operation.
    static func words(_ compiled: URL, _ configuration: MLModelConfiguration) async -> String? {
        guard #available(iOS 17.4, macOS 14.4, *) else { return nil }
        guard let plan = try? await MLComputePlan.load(contentsOf: compiled, configuration: configuration) else {
            return nil
        }
        let counts = counts(plan)
        let total = counts.values.reduce(0, +)
        guard total > 0 else { return nil }
        // The most first; names decide between equals, so that the same placement has the same words.
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let parts = sorted.enumerated().map { index, one in
            index == 0 ? "\(one.value) of \(total) operations on the \(one.key)" : "\(one.value) on the \(one.key)"
        }
        return parts.joined(separator: ", ")
    }

    /// How many operations each processor is to compute; constants are on none.
    @available(iOS 17.4, macOS 14.4, *)
    private static func counts(_ plan: MLComputePlan) -> [String: Int] {
        var counts: [String: Int] = [:]
        let add = { (usage: MLComputePlan.DeviceUsage?) in
            if let device = usage?.preferred { counts[name(device), default: 0] += 1 }
        }
        switch plan.modelStructure {
        case .program(let program):
            program.functions["main"]?.block.operations.forEach { add(plan.deviceUsage(for: $0)) }
        case .neuralNetwork(let network):
            network.layers.forEach { add(plan.deviceUsage(for: $0)) }
        default:
            break
        }
        return counts
    }

    @available(iOS 17.4, macOS 14.4, *)
    private static func name(_ device: MLComputeDevice) -> String {
        switch device {
        case .cpu: return "CPU"
        case .gpu: return "GPU"
        case .neuralEngine: return "Neural Engine"
        @unknown default: return "other processor"
        }
    }
}
