import Foundation

/// From levels in decibels to the picture that a model looks at, and to the numbers that it is fed.
enum Picture {
    /// Standard deviation of unit levels under which a clip counts as flat.
    private static let flattest = 1e-6

    /// Levels, band after band, as the spec's normalization has them.
    static func normalized(_ levels: [Float], spec: AudioSpec) -> [Float] {
        let floor = Float(spec.floorDecibels)
        let unit = levels.map { ($0 - floor) / -floor }
        switch spec.normalization {
        case .decibels80:
            return unit
        case .zScore:
            let mean = unit.reduce(0.0) { $0 + Double($1) } / Double(unit.count)
            let variance = unit.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(unit.count)
            let deviation = max(variance.squareRoot(), flattest)
            return unit.map { Float((Double($0) - mean) / deviation) }
        }
    }

    /// A bilinear resize to [height, width], row after row: half-pixel centres, edges repeated, no antialiasing.
    static func resized(_ mel: [Float], spec: AudioSpec) -> [Float] {
        let columns = spec.frameCount, width = spec.imageSize[1]
        let time = places(columns, width), frequency = places(spec.melBands, spec.imageSize[0])
        var narrow = [Float](repeating: 0, count: spec.melBands * width)
        for row in 0..<spec.melBands {
            for (x, place) in time.enumerated() {
                let left = mel[row * columns + place.left], right = mel[row * columns + place.left + 1]
                narrow[row * width + x] = left * (1 - place.share) + right * place.share
            }
        }
        var picture: [Float] = []
        picture.reserveCapacity(frequency.count * width)
        for place in frequency {
            for x in 0..<width {
                let upper = narrow[place.left * width + x], lower = narrow[(place.left + 1) * width + x]
                picture.append(upper * (1 - place.share) + lower * place.share)
            }
        }
        return picture
    }

    /// Three equal channels, standardized: [1, 3, height, width].
    static func standardized(_ picture: [Float], spec: ModelSpec) -> [Float] {
        (0..<3).flatMap { channel -> [Float] in
            let mean = spec.imageMean[channel], deviation = spec.imageStandardDeviation[channel]
            return picture.map { ($0 - mean) / deviation }
        }
    }

    private static func places(_ inputs: Int, _ outputs: Int) -> [(left: Int, share: Float)] {
        (0..<outputs).map { output in
            let centre = (Double(output) + 0.5) * Double(inputs) / Double(outputs) - 0.5
            let inside = min(max(centre, 0), Double(inputs - 1))
            let left = min(Int(inside), inputs - 2)
            return (left, Float(inside - Double(left)))
        }
    }
}
