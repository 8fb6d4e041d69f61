// Declarations of what SentioCore uses of vDSP, with Apple's names and types; no behaviour.

public typealias vDSP_Length = UInt
public typealias vDSP_Stride = Int
public typealias FFTRadix = Int32
public typealias FFTDirection = Int32
public typealias FFTSetupD = OpaquePointer

public let kFFTRadix2 = 0
public let FFT_FORWARD = 1

public struct DSPDoubleSplitComplex {
    public var realp: UnsafeMutablePointer<Double>
    public var imagp: UnsafeMutablePointer<Double>
    public init(realp: UnsafeMutablePointer<Double>, imagp: UnsafeMutablePointer<Double>) {
        self.realp = realp
        self.imagp = imagp
    }
}

public func vDSP_create_fftsetupD(_ log2n: vDSP_Length, _ radix: FFTRadix) -> FFTSetupD? { fatalError() }
public func vDSP_destroy_fftsetupD(_ setup: FFTSetupD?) { fatalError() }
public func vDSP_fft_zripD(
    _ setup: FFTSetupD, _ c: UnsafePointer<DSPDoubleSplitComplex>, _ stride: vDSP_Stride, _ log2n: vDSP_Length,
    _ direction: FFTDirection
) { fatalError() }
public func vDSP_dotpr(
    _ a: UnsafePointer<Float>, _ aStride: vDSP_Stride, _ b: UnsafePointer<Float>, _ bStride: vDSP_Stride,
    _ c: UnsafeMutablePointer<Float>, _ n: vDSP_Length
) { fatalError() }
