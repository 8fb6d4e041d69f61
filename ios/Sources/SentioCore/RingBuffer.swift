/// The newest samples of sound that goes on and on, in memory that does not grow.
struct RingBuffer {
    private var samples: [Float]
    private var next = 0
    private(set) var count = 0

    /// - Parameter capacity: samples to keep, at least one.
    init(capacity: Int) {
        samples = [Float](repeating: 0, count: capacity)
    }

    mutating func append(_ block: [Float]) {
        for sample in block.suffix(samples.count) {
            samples[next] = sample
            next = next + 1 == samples.count ? 0 : next + 1
        }
        count = min(samples.count, count + block.count)
    }

    /// All that is kept, oldest first.
    var newest: [Float] {
        count < samples.count ? Array(samples[..<count]) : Array(samples[next...] + samples[..<next])
    }
}
