import Foundation

/// The log-mel spectrogram of a clip: centred frames with reflected edges, a periodic Hann window, Slaney's mel bands,
/// decibels relative to the clip's loudest cell.
final class LogMel {
    /// Power under which a cell counts as silent.
    private static let powerFloor = 1e-10

    private let spec: AudioSpec
    private let bank: MelBank
    private let window: [Double]
    private let spectrum: PowerSpectrum

    init(_ spec: AudioSpec) {
        self.spec = spec
        bank = MelBank(spec)
        window = LogMel.hann(spec.fftSize)
        spectrum = makePowerSpectrum(size: spec.fftSize)
    }

    /// The periodic Hann window: 0 at its start, 1 in its middle.
    static func hann(_ count: Int) -> [Double] {
        (0..<count).map { 0.5 - 0.5 * cos(2 * Double.pi * Double($0) / Double(count)) }
    }

    /// Levels from `floorDecibels` to 0, band after band; a clip without sound is `floorDecibels` everywhere.
    ///
    /// - Parameter clip: as many samples as the spec says.
    func levels(_ clip: [Float]) -> [Float] {
        let power = melPower(clip)
        let floor = Float(spec.floorDecibels)
        let loudest = power.max() ?? 0
        if loudest <= LogMel.powerFloor { return [Float](repeating: floor, count: power.count) }
        return power.map { max(floor, Float(10 * log10(max($0, LogMel.powerFloor) / loudest))) }
    }

    private func melPower(_ clip: [Float]) -> [Double] {
        let frames = spec.frameCount, size = spec.fftSize
        var power = [Double](repeating: 0, count: spec.melBands * frames)
        var frame = [Double](repeating: 0, count: size)
        var bins = [Double](repeating: 0, count: bank.bins)
        for column in 0..<frames {
            let first = column * spec.hopLength - size / 2
            for i in 0..<size { frame[i] = Double(clip[reflected(first + i, clip.count)]) * window[i] }
            spectrum.power(frame, into: &bins, bins: bank.bins)
            for row in 0..<spec.melBands {
                let band = bank.bands[row]
                var sum = 0.0
                for i in 0..<band.weights.count { sum += band.weights[i] * bins[band.first + i] }
                power[row * frames + column] = sum
            }
        }
        return power
    }

    /// Where a sample before the clip's beginning or behind its end is mirrored from.
    private func reflected(_ index: Int, _ count: Int) -> Int {
        if index < 0 { return -index }
        return index < count ? index : 2 * count - 2 - index
    }
}
