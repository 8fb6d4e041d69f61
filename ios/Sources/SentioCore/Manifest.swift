import Foundation

/// What a model folder says of itself: `manifest.json`, schema 3.
public struct Manifest: Decodable, Equatable, Sendable {
    /// The schema that this version reads.
    public static let schema = 3
    static let fileName = "manifest.json"

    /// One exported model: a file or, for Core ML packages, a folder.
    public struct Artifact: Decodable, Equatable, Sendable {
        /// Such as `coreml` (an .mlpackage) or `mlmodel`.
        public let format: String
        /// Such as `fp32`, `fp16`, `int8`.
        public let precision: String
        /// What it is fed: `waveform` or `spectrogram`.
        public let form: String
        /// Relative to the folder.
        public let path: String
        /// How near to the reference it was when it was exported; nil where that was not measured.
        public let parity: Parity?

        /// The words that messages and reports use for it.
        public var label: String { "\(format) \(form) \(precision)" }
    }

    /// The largest difference from the reference that an artifact may have.
    public struct Parity: Decodable, Equatable, Sendable {
        public let tolerance: Double
    }

    /// What a file must be.
    public struct FileEntry: Decodable, Equatable, Sendable {
        /// Lower-case hexadecimal.
        public let sha256: String
        public let bytes: Int
    }

    public let name: String
    public let release: String
    public let licence: String
    public let spec: ModelSpec
    /// An app runs the first of them that it can.
    public let artifacts: [Artifact]
    /// By path relative to the folder.
    public let files: [String: FileEntry]

    /// Reads a manifest.
    ///
    /// - Parameters:
    ///   - data: the JSON.
    ///   - place: where it stands, for messages.
    /// - Throws: `SentioError.newerSchema`, `.damaged`.
    public init(json data: Data, place: String) throws {
        do {
            let decoder = JSONDecoder()
            let found = try decoder.decode(Head.self, from: data).schema
            if found > Manifest.schema {
                throw SentioError.newerSchema(
                    "\(place): has schema \(found), this version reads \(Manifest.schema); update the app")
            }
            if found < Manifest.schema {
                throw SentioError.damaged(
                    "\(place): has schema \(found), older than \(Manifest.schema); export the model again")
            }
            self = try decoder.decode(Manifest.self, from: data)
        } catch let error as DecodingError {
            throw SentioError.damaged("\(place): is damaged (\(error.place)); copy the model folder again")
        }
        if let fault = spec.fault {
            throw SentioError.damaged("\(place): is damaged (impossible \(fault)); export the model again")
        }
    }

    /// Those of the hashed files that make up an artifact, in order: itself, or all that lies in that folder.
    public func files(of artifact: Artifact) -> [String] {
        files.keys.filter { $0 == artifact.path || $0.hasPrefix(artifact.path + "/") }.sorted()
    }

    private struct Head: Decodable {
        let schema: Int
    }
}

extension DecodingError {
    /// Which part of a JSON file could not be read, in a few words.
    var place: String {
        switch self {
        case .keyNotFound(let key, _):
            return "\(key.stringValue) is missing"
        case .valueNotFound(_, let context), .typeMismatch(_, let context):
            return "\(context.path) is of another kind"
        case .dataCorrupted(let context) where !context.codingPath.isEmpty:
            return "\(context.path) is not known"
        default:
            return "it is no JSON"
        }
    }
}

extension DecodingError.Context {
    fileprivate var path: String { codingPath.map { $0.stringValue }.joined(separator: ".") }
}
