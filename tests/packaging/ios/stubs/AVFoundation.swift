// Declarations of what SentioKit uses of AVFoundation, with Apple's names, labels and types, and no behaviour: enough
// for the compiler to check our code against on Linux. A wrong line here would let a wrong call pass.
import Foundation

public typealias AVAudioFrameCount = UInt32
public typealias AVAudioFramePosition = Int64
public typealias AVAudioChannelCount = UInt32
public typealias AVAudioNodeBus = Int
public typealias AudioFormatID = UInt32

public let kAudioFormatLinearPCM: AudioFormatID = 0x6C70_636D
public let kAudioFormatMPEGLayer3: AudioFormatID = 0x2E6D_7033
public let AVFormatIDKey = "AVFormatIDKey"
public let AVSampleRateKey = "AVSampleRateKey"
public let AVNumberOfChannelsKey = "AVNumberOfChannelsKey"
public let AVLinearPCMBitDepthKey = "AVLinearPCMBitDepthKey"
public let AVLinearPCMIsFloatKey = "AVLinearPCMIsFloatKey"
public let AVAudioSessionInterruptionTypeKey = "AVAudioSessionInterruptionTypeKey"

public struct AudioStreamBasicDescription {
    public var mFormatID: AudioFormatID
}

open class AVAudioFormat: NSObject {
    open var channelCount: AVAudioChannelCount { fatalError() }
    open var sampleRate: Double { fatalError() }
    open var streamDescription: UnsafePointer<AudioStreamBasicDescription> { fatalError() }
}

open class AVAudioBuffer: NSObject {
    open var format: AVAudioFormat { fatalError() }
}

open class AVAudioPCMBuffer: AVAudioBuffer {
    public init?(pcmFormat format: AVAudioFormat, frameCapacity: AVAudioFrameCount) { fatalError() }
    open var frameLength: AVAudioFrameCount {
        get { fatalError() }
        set { fatalError() }
    }
    open var floatChannelData: UnsafePointer<UnsafeMutablePointer<Float>>? { fatalError() }
}

open class AVAudioFile: NSObject {
    public init(forReading fileURL: URL) throws { fatalError() }
    public init(forWriting fileURL: URL, settings: [String: Any]) throws { fatalError() }
    open var fileFormat: AVAudioFormat { fatalError() }
    open var processingFormat: AVAudioFormat { fatalError() }
    open var length: AVAudioFramePosition { fatalError() }
    open var framePosition: AVAudioFramePosition {
        get { fatalError() }
        set { fatalError() }
    }
    open func read(into buffer: AVAudioPCMBuffer, frameCount frames: AVAudioFrameCount) throws { fatalError() }
    open func write(from buffer: AVAudioPCMBuffer) throws { fatalError() }
}

open class AVAudioTime: NSObject {}

public typealias AVAudioNodeTapBlock = (AVAudioPCMBuffer, AVAudioTime) -> Void

open class AVAudioNode: NSObject {
    open func outputFormat(forBus bus: AVAudioNodeBus) -> AVAudioFormat { fatalError() }
    open func installTap(
        onBus bus: AVAudioNodeBus, bufferSize: AVAudioFrameCount, format: AVAudioFormat?,
        block tapBlock: @escaping AVAudioNodeTapBlock
    ) { fatalError() }
    open func removeTap(onBus bus: AVAudioNodeBus) { fatalError() }
}

open class AVAudioInputNode: AVAudioNode {}

open class AVAudioEngine: NSObject {
    open var inputNode: AVAudioInputNode { fatalError() }
    open var isRunning: Bool { fatalError() }
    open func prepare() { fatalError() }
    open func start() throws { fatalError() }
    open func stop() { fatalError() }
}

extension NSNotification.Name {
    public static let AVAudioEngineConfigurationChange = NSNotification.Name("AVAudioEngineConfigurationChange")
}

open class AVAudioSession: NSObject {
    public struct Category: Sendable {
        public static let record = Category()
    }
    public struct Mode: Sendable {
        public static let measurement = Mode()
    }
    public struct CategoryOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
    }
    public struct SetActiveOptions: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static let notifyOthersOnDeactivation = SetActiveOptions(rawValue: 1)
    }
    public enum InterruptionType: UInt, Sendable {
        case ended = 0
        case began = 1
    }
    public static let interruptionNotification = NSNotification.Name("AVAudioSessionInterruptionNotification")
    public static let mediaServicesWereResetNotification = NSNotification.Name("AVAudioSessionMediaServicesWereReset")
    open class func sharedInstance() -> AVAudioSession { fatalError() }
    open func setCategory(_ category: Category, mode: Mode, options: CategoryOptions = []) throws { fatalError() }
    open func setActive(_ active: Bool, options: SetActiveOptions = []) throws { fatalError() }
    open func requestRecordPermission(_ response: @escaping @Sendable (Bool) -> Void) { fatalError() }
}

@available(iOS 17.0, macOS 14.0, *)
open class AVAudioApplication: NSObject {
    open class func requestRecordPermission() async -> Bool { fatalError() }
}

public struct AVMediaType: Sendable {
    public static let audio = AVMediaType()
}

open class AVCaptureDevice: NSObject {
    open class func requestAccess(
        for mediaType: AVMediaType, completionHandler handler: @escaping @Sendable (Bool) -> Void
    ) { fatalError() }
}
