import Foundation
import SentioKit

/// The SDK without an app: answers for a file, the golden vectors, and latency, as JSON.
@main
struct SentioCLI {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.isEmpty || arguments.contains("--help") {
            print(Command.help)
            return
        }
        do {
            exit(try await run(Command(arguments)) ? 0 : 1)
        } catch {
            let line = (error as? SentioError)?.message ?? error.localizedDescription
            FileHandle.standardError.write(Data("sentio-cli: \(line)\n".utf8))
            exit(2)
        }
    }

    /// Whether the answer is yes: false where a check ran to its end and failed.
    private static func run(_ command: Command) async throws -> Bool {
        let sentio = try await Sentio.open(command.model, compute: command.compute)
        switch command.verb {
        case .predict:
            guard let file = command.file else { return false }
            guard let every = command.every else {
                print(try await sentio.predict(file).sentioJSON())
                return true
            }
            for try await answer in try sentio.trajectory(file, every: every) { print(try answer.sentioJSON()) }
            return true
        case .check:
            let report = try await sentio.checkDevice()
            print(try report.sentioJSON())
            return report.passed
        case .benchmark:
            let json = try await sentio.benchmark(runs: command.runs).sentioJSON()
            print(json)
            if let out = command.out { try Data((json + "\n").utf8).write(to: out, options: .atomic) }
            return true
        }
    }
}
