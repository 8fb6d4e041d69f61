import Foundation

/// What this process runs on, for reports.
enum Device {
    /// Such as `iPhone14,2` or `x86_64`.
    static var machine: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "unknown" }
        return withUnsafeBytes(of: &names.machine) { String(decoding: $0.prefix(while: { $0 != 0 }), as: UTF8.self) }
    }

    /// All of it; a simulator and a Mac are told from a phone.
    static var facts: BenchmarkReport.DeviceFacts {
        #if targetEnvironment(simulator)
        return BenchmarkReport.DeviceFacts(kind: "emulator", maker: "Apple", model: machine, system: system)
        #elseif os(iOS)
        return BenchmarkReport.DeviceFacts(kind: "phone", maker: "Apple", model: machine, system: system)
        #else
        return BenchmarkReport.DeviceFacts(kind: "computer", maker: "unknown", model: machine, system: system)
        #endif
    }

    static var system: String {
        #if os(iOS)
        return "iOS \(ProcessInfo.processInfo.operatingSystemVersionString)"
        #elseif os(macOS)
        return "macOS \(ProcessInfo.processInfo.operatingSystemVersionString)"
        #else
        return ProcessInfo.processInfo.operatingSystemVersionString
        #endif
    }

    /// The most memory that the process had, in bytes; 0 where the system does not tell.
    static var peakMemory: Int {
        var usage = rusage()
        #if canImport(Darwin)
        return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : 0
        #else
        return getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 ? Int(usage.ru_maxrss) * 1_024 : 0
        #endif
    }
}
