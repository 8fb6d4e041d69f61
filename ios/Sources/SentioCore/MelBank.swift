import Foundation

/// Slaney's triangular mel filters (Auditory Toolbox, 1998), each of area 1 over hertz; only their non-zero weights.
struct MelBank {
    struct Band {
        /// Fourier bin of the first weight.
        let first: Int
        let weights: [Double]
    }

    let bands: [Band]
    /// Fourier bins from 0 Hz that any band touches.
    let bins: Int

    // Linear up to 1000 Hz in steps of 200/3 Hz, then 27 logarithmic steps to a factor of 6.4.
    private static let linearStep = 200.0 / 3
    private static let cornerHertz = 1_000.0
    private static let logStep = log(6.4) / 27

    init(_ spec: AudioSpec) {
        let low = MelBank.mel(spec.minimumFrequency), high = MelBank.mel(spec.maximumFrequency)
        let edges = (0..<spec.melBands + 2).map { index in
            MelBank.hertz(low + (high - low) * Double(index) / Double(spec.melBands + 1))
        }
        let bins = Int((spec.maximumFrequency * Double(spec.fftSize) / Double(spec.sampleRate)).rounded(.down)) + 1
        self.bins = min(bins, spec.fftSize / 2)
        bands = (0..<spec.melBands).map { band in
            let weights = (0..<min(bins, spec.fftSize / 2)).map { bin -> Double in
                let hertz = Double(bin * spec.sampleRate) / Double(spec.fftSize)
                let rising = (hertz - edges[band]) / (edges[band + 1] - edges[band])
                let falling = (edges[band + 2] - hertz) / (edges[band + 2] - edges[band + 1])
                return max(0, min(rising, falling)) * 2 / (edges[band + 2] - edges[band])
            }
            guard let first = weights.firstIndex(where: { $0 > 0 }), let last = weights.lastIndex(where: { $0 > 0 })
            else { return Band(first: 0, weights: []) }
            return Band(first: first, weights: Array(weights[first...last]))
        }
    }

    private static func mel(_ hertz: Double) -> Double {
        hertz < cornerHertz ? hertz / linearStep : cornerHertz / linearStep + log(hertz / cornerHertz) / logStep
    }

    private static func hertz(_ mel: Double) -> Double {
        let corner = cornerHertz / linearStep
        return mel < corner ? mel * linearStep : cornerHertz * exp((mel - corner) * logStep)
    }
}
