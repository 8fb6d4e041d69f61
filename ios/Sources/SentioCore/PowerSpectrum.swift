import Foundation

#if canImport(Accelerate)
import Accelerate
#endif

/// The squared magnitudes of a Fourier transform of real numbers.
protocol PowerSpectrum: AnyObject {
    /// - Parameters:
    ///   - samples: as many as the transform's size.
    ///   - power: room for the first `bins` magnitudes, fewer than half the size.
    func power(_ samples: UnsafePointer<Double>, into power: UnsafeMutablePointer<Double>, bins: Int)
}

/// The fastest that this system has for a size that is a power of two, 4 or more.
func makePowerSpectrum(size: Int) -> PowerSpectrum {
    #if canImport(Accelerate)
    return AcceleratePowerSpectrum(size: size)
    #else
    return PortablePowerSpectrum(size: size)
    #endif
}

/// In plain Swift: a complex transform of half the size (radix 2, in place), taken apart into that of real numbers.
final class PortablePowerSpectrum: PowerSpectrum {
    private let half: Int
    private let order: [Int]
    private let cosines: [Double]
    private let sines: [Double]
    private var real: [Double]
    private var imaginary: [Double]

    init(size: Int) {
        half = size / 2
        let bits = half.trailingZeroBitCount
        order = (0..<half).map { index in
            (0..<bits).reduce(0) { found, bit in found | ((index >> bit) & 1) << (bits - 1 - bit) }
        }
        cosines = (0..<half).map { cos(2 * Double.pi * Double($0) / Double(size)) }
        sines = (0..<half).map { sin(2 * Double.pi * Double($0) / Double(size)) }
        real = [Double](repeating: 0, count: half)
        imaginary = real
    }

    func power(_ samples: UnsafePointer<Double>, into power: UnsafeMutablePointer<Double>, bins: Int) {
        real.withUnsafeMutableBufferPointer { re in
            imaginary.withUnsafeMutableBufferPointer { im in
                for i in 0..<half {
                    re[i] = samples[2 * order[i]]
                    im[i] = samples[2 * order[i] + 1]
                }
                transform(re, im)
                for k in 0..<bins {
                    let mirror = k == 0 ? 0 : half - k
                    let evenRe = (re[k] + re[mirror]) / 2, evenIm = (im[k] - im[mirror]) / 2
                    let oddRe = (im[k] + im[mirror]) / 2, oddIm = (re[mirror] - re[k]) / 2
                    let x = evenRe + cosines[k] * oddRe + sines[k] * oddIm
                    let y = evenIm + cosines[k] * oddIm - sines[k] * oddRe
                    power[k] = x * x + y * y
                }
            }
        }
    }

    private func transform(_ re: UnsafeMutableBufferPointer<Double>, _ im: UnsafeMutableBufferPointer<Double>) {
        var span = 1
        while span < half {
            let turn = half / span
            for first in stride(from: 0, to: half, by: 2 * span) {
                for k in 0..<span {
                    let c = cosines[k * turn], s = sines[k * turn]
                    let a = first + k, b = a + span
                    let x = re[b] * c + im[b] * s
                    let y = im[b] * c - re[b] * s
                    re[b] = re[a] - x
                    im[b] = im[a] - y
                    re[a] += x
                    im[a] += y
                }
            }
            span *= 2
        }
    }
}

#if canImport(Accelerate)
/// By vDSP, whose transform of real numbers is twice the mathematical one.
final class AcceleratePowerSpectrum: PowerSpectrum {
    private let half: Int
    private let log2Size: vDSP_Length
    private let setup: FFTSetupD
    private var real: [Double]
    private var imaginary: [Double]

    init(size: Int) {
        half = size / 2
        log2Size = vDSP_Length(size.trailingZeroBitCount)
        guard let setup = vDSP_create_fftsetupD(log2Size, FFTRadix(kFFTRadix2)) else {
            preconditionFailure("no memory for a Fourier transform of \(size)")
        }
        self.setup = setup
        real = [Double](repeating: 0, count: half)
        imaginary = real
    }

    deinit { vDSP_destroy_fftsetupD(setup) }

    func power(_ samples: UnsafePointer<Double>, into power: UnsafeMutablePointer<Double>, bins: Int) {
        real.withUnsafeMutableBufferPointer { re in
            imaginary.withUnsafeMutableBufferPointer { im in
                for i in 0..<half {
                    re[i] = samples[2 * i]
                    im[i] = samples[2 * i + 1]
                }
                guard let reBase = re.baseAddress, let imBase = im.baseAddress else { return }
                var split = DSPDoubleSplitComplex(realp: reBase, imagp: imBase)
                vDSP_fft_zripD(setup, &split, 1, log2Size, FFTDirection(FFT_FORWARD))
                // The imaginary part of bin 0 has no use of its own and holds the Nyquist bin.
                power[0] = re[0] * re[0] / 4
                for k in 1..<max(1, bins) { power[k] = (re[k] * re[k] + im[k] * im[k]) / 4 }
            }
        }
    }
}
#endif
