import Foundation
import SentioKit

/// What was asked for on the command line.
struct Command {
    enum Verb: String, CaseIterable {
        case predict, check, benchmark
    }

    static let help = """
        sentio-cli predict FILE --model FOLDER [--every SECONDS] [--compute UNITS]
        sentio-cli check --model FOLDER [--compute UNITS]
        sentio-cli benchmark --model FOLDER [--runs N] [--out FILE] [--compute UNITS]

        FOLDER is a model folder (manifest.json and what it names), such as Demo/sentio.
        UNITS: all (the default), gpu, neuralEngine, cpu.
        """

    let verb: Verb
    let model: URL
    var file: URL?
    var every: Double?
    var runs = 50
    var out: URL?
    var compute = ComputeUnits.all

    /// - Throws: `SentioError.parameter` where something is missing, unknown or out of range.
    init(_ arguments: [String]) throws {
        guard let first = arguments.first, let verb = Verb(rawValue: first) else {
            throw SentioError.parameter("say what to do: predict, check or benchmark; --help shows how")
        }
        self.verb = verb
        var model: URL?
        var rest = arguments.dropFirst().makeIterator()
        while let argument = rest.next() {
            guard argument.hasPrefix("--") else {
                guard verb == .predict, file == nil else { throw SentioError.parameter("\(argument): is one too many") }
                file = URL(fileURLWithPath: argument)
                continue
            }
            guard let value = rest.next() else { throw SentioError.parameter("\(argument): wants a value behind it") }
            switch (argument, verb) {
            case ("--model", _): model = URL(fileURLWithPath: value)
            case ("--compute", _): compute = try Command.value(argument, ComputeUnits(rawValue: value))
            case ("--every", .predict): every = try Command.value(argument, Double(value))
            case ("--runs", .benchmark): runs = try Command.value(argument, Int(value))
            case ("--out", .benchmark): out = URL(fileURLWithPath: value)
            default: throw SentioError.parameter("\(argument): \(verb.rawValue) has no such option; --help shows all")
            }
        }
        guard let found = model else { throw SentioError.parameter("say which model: --model Demo/sentio") }
        self.model = found
        if verb == .predict, file == nil { throw SentioError.parameter("say which file to predict") }
    }

    private static func value<Value>(_ option: String, _ value: Value?) throws -> Value {
        guard let value = value else { throw SentioError.parameter("\(option): cannot be that; --help shows what can") }
        return value
    }
}
