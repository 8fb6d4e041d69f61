import Foundation

/// Changes the sample rate of sound that comes block by block, the same on every system.
///
/// A windowed sinc (Kaiser) in polyphase form. The pass band ends at 0.9 of the lower Nyquist frequency, the stop band
/// begins at it, 100 dB down. The blocks given back, put together, do not depend on how the sound was cut into blocks.
public struct Resampler: Sendable {
    private static let attenuation = 100.0
    private static let passEdge = 0.9
    /// Rates with more phases share these; between two of them the filter is interpolated, 118 dB exact.
    private static let mostPhases = 1_024

    private let up: Int
    private let down: Int
    private let half: Int
    private let phases: Int
    private let table: [Float]

    /// Sound not yet done with, with `half - 1` zeros before the first sample.
    private var held: [Float]
    /// Where, in `held`, the filter of the next sample begins.
    private var begin = 0
    /// How far the next sample lies behind a sample of the source, in 1/`up` of one.
    private var phase = 0
    private var received = 0
    private var given = 0

    /// - Parameters:
    ///   - source: samples a second that come in.
    ///   - target: samples a second that come out.
    public init(from source: Int, to target: Int) {
        precondition(source > 0 && target > 0, "sample rates are positive")
        let common = Resampler.divisor(source, target)
        up = target / common
        down = source / common
        let ratio = min(1, Double(target) / Double(source))
        let width = Double.pi * (1 - Resampler.passEdge) * ratio
        half = up == down ? 0 : Int(((Resampler.attenuation - 7.95) / (2.285 * width) / 2).rounded(.up))
        phases = min(up, Resampler.mostPhases)
        table = up == down ? [] : Resampler.filters(half: half, phases: phases, ratio: ratio)
        held = [Float](repeating: 0, count: max(0, half - 1))
    }

    /// A whole sound at once.
    public static func resample(_ pcm: [Float], from source: Int, to target: Int) -> [Float] {
        var resampler = Resampler(from: source, to: target)
        return resampler.push(pcm) + resampler.finish()
    }

    /// Takes a block and gives what can be said by now; empty where that is nothing.
    public mutating func push(_ block: [Float]) -> [Float] {
        received += block.count
        if up == down { return block }
        held += block
        return produce(atMost: Int.max)
    }

    /// Gives the rest; in all, as many samples as `target / source` of those received, rounded.
    public mutating func finish() -> [Float] {
        if up == down { return [] }
        held += [Float](repeating: 0, count: 2 * half)
        let whole = (2 * received * up + down) / (2 * down)
        return produce(atMost: whole - given)
    }

    private mutating func produce(atMost limit: Int) -> [Float] {
        let taps = 2 * half
        let step = down / up
        let turn = down % up
        var out: [Float] = []
        if limit > 0 && held.count >= begin + taps { out.reserveCapacity((held.count - begin) / max(1, step) + 1) }
        var at = begin
        var fraction = phase
        held.withUnsafeBufferPointer { sound in
            table.withUnsafeBufferPointer { filter in
                guard let sound = sound.baseAddress, let filter = filter.baseAddress else { return }
                while at + taps <= held.count && out.count < limit {
                    let place = fraction * phases
                    let row = place / up
                    let rest = place % up
                    var sample = PCM.dot(sound + at, filter + row * taps, taps)
                    if rest != 0 {
                        let next = PCM.dot(sound + at, filter + (row + 1) * taps, taps)
                        sample += (next - sample) * (Float(rest) / Float(up))
                    }
                    out.append(sample)
                    at += step
                    fraction += turn
                    if fraction >= up {
                        fraction -= up
                        at += 1
                    }
                }
            }
        }
        phase = fraction
        let done = min(at, held.count)
        held.removeFirst(done)
        begin = at - done
        given += out.count
        return out
    }

    /// Row p, of `2 * half` taps, is the filter for a sample p / `phases` behind a sample of the source.
    private static func filters(half: Int, phases: Int, ratio: Double) -> [Float] {
        let beta = 0.1102 * (attenuation - 8.7)
        let cutoff = (1 + passEdge) / 2 * ratio
        let scale = bessel(beta)
        var table = [Float]()
        table.reserveCapacity((phases + 1) * 2 * half)
        for p in 0...phases {
            var row = [Double](repeating: 0, count: 2 * half)
            for j in row.indices {
                let x = Double(j - half + 1) - Double(p) / Double(phases)
                let inside = 1 - (x / Double(half)) * (x / Double(half))
                if inside < 0 { continue }
                let angle = Double.pi * cutoff * x
                let sinc = abs(angle) < 1e-9 ? 1 : sin(angle) / angle
                row[j] = sinc * bessel(beta * inside.squareRoot()) / scale
            }
            // Each phase passes a constant unchanged, so that silence on an offset stays flat.
            let sum = row.reduce(0, +)
            table += row.map { Float($0 / sum) }
        }
        return table
    }

    /// The modified Bessel function of the first kind and order zero.
    private static func bessel(_ x: Double) -> Double {
        var sum = 1.0
        var term = 1.0
        var k = 1.0
        while term > sum * 1e-17 {
            term *= (x / (2 * k)) * (x / (2 * k))
            sum += term
            k += 1
        }
        return sum
    }

    private static func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
}
