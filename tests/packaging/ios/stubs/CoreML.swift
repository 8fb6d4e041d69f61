// Declarations of what SentioKit uses of Core ML, with Apple's names, labels and types, and no behaviour: enough for
// the compiler to check our code against on Linux. A wrong line here would let a wrong call pass.
import Foundation

public enum MLComputeUnits: Int, Sendable {
    case cpuOnly = 0
    case cpuAndGPU = 1
    case all = 2
    @available(iOS 16.0, macOS 13.0, *)
    case cpuAndNeuralEngine = 3
}

open class MLModelConfiguration: NSObject {
    public override init() {}
    open var computeUnits: MLComputeUnits = .all
}

public enum MLMultiArrayDataType: Int, Sendable {
    case double = 65_600
    case float32 = 65_568
    case int32 = 131_104
}

open class MLMultiArray: NSObject {
    public init(shape: [NSNumber], dataType: MLMultiArrayDataType) throws { fatalError() }
    open var dataPointer: UnsafeMutableRawPointer { fatalError() }
    open var count: Int { fatalError() }
    open subscript(index: Int) -> NSNumber {
        get { fatalError() }
        set { fatalError() }
    }
}

open class MLMultiArrayConstraint: NSObject {
    open var shape: [NSNumber] { fatalError() }
}

open class MLFeatureDescription: NSObject {
    open var multiArrayConstraint: MLMultiArrayConstraint? { fatalError() }
}

open class MLModelDescription: NSObject {
    open var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
    open var outputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

open class MLFeatureValue: NSObject {
    public init(multiArray value: MLMultiArray) { fatalError() }
    open var multiArrayValue: MLMultiArray? { fatalError() }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

open class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws { fatalError() }
    open var featureNames: Set<String> { fatalError() }
    open func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

// Devices, and the plan of a model.

@available(iOS 17.0, macOS 14.0, *)
public final class MLCPUComputeDevice: NSObject {}
@available(iOS 17.0, macOS 14.0, *)
public final class MLGPUComputeDevice: NSObject {}
@available(iOS 17.0, macOS 14.0, *)
public final class MLNeuralEngineComputeDevice: NSObject {}

@available(iOS 17.0, macOS 14.0, *)
public enum MLComputeDevice {
    case cpu(MLCPUComputeDevice)
    case gpu(MLGPUComputeDevice)
    case neuralEngine(MLNeuralEngineComputeDevice)
}

@available(iOS 17.4, macOS 14.4, *)
public enum MLModelStructure {
    public struct Program {
        public struct Operation {}
        public struct Block { public let operations: [Operation] }
        public struct Function { public let block: Block }
        public let functions: [String: Function]
    }

    public struct NeuralNetwork {
        public struct Layer {}
        public let layers: [Layer]
    }

    public struct Pipeline {}

    case neuralNetwork(NeuralNetwork)
    case program(Program)
    case pipeline(Pipeline)
    case unsupported
}

@available(iOS 17.4, macOS 14.4, *)
public final class MLComputePlan {
    public struct DeviceUsage {
        public let supported: [MLComputeDevice]
        public let preferred: MLComputeDevice
    }

    public let modelStructure: MLModelStructure

    init() { fatalError() }
    public static func load(contentsOf url: URL, configuration: MLModelConfiguration) async throws -> MLComputePlan {
        fatalError()
    }
    public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? { fatalError() }
    public func deviceUsage(for layer: MLModelStructure.NeuralNetwork.Layer) -> DeviceUsage? { fatalError() }
}

open class MLModel: NSObject {
    public init(contentsOf url: URL, configuration: MLModelConfiguration) throws { fatalError() }
    open var modelDescription: MLModelDescription { fatalError() }
    open func prediction(from input: any MLFeatureProvider) throws -> any MLFeatureProvider { fatalError() }
    open class func compileModel(at modelURL: URL) throws -> URL { fatalError() }

    // Overloads that an async context would choose; SentioKit must not, for they are newer than its systems.
    @available(iOS 17.0, macOS 14.0, *)
    open func prediction(from input: any MLFeatureProvider) async throws -> any MLFeatureProvider { fatalError() }
    @available(iOS 16.0, macOS 13.0, *)
    open class func compileModel(at modelURL: URL) async throws -> URL { fatalError() }
}
