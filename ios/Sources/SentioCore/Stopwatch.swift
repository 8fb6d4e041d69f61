import Foundation

/// Time that has gone by since it was made, on a clock that never goes back.
struct Stopwatch {
    private let began = DispatchTime.now().uptimeNanoseconds

    var milliseconds: Double { Double(DispatchTime.now().uptimeNanoseconds - began) / 1e6 }
}
