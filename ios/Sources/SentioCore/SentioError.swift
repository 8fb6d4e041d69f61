import Foundation

/// Every error that the SDK raises on purpose.
///
/// Each carries one line that a user can read: what is wrong, where, and what to do.
public enum SentioError: Error, Equatable, Sendable {
    /// The model folder was written for a newer version of this SDK.
    case newerSchema(String)
    /// A file is not the one that the manifest was written for.
    case tampered(String)
    /// A file that the manifest names, or the manifest itself, is not there.
    case missingFile(String)
    /// The manifest cannot be read, contradicts itself, or the model does not answer as it must.
    case damaged(String)
    /// The folder holds no model that this system runs.
    case noArtifact(String)
    /// Sound that cannot be used: empty, cut, not decodable, or not made of numbers.
    case audio(String)
    /// The microphone was refused, is missing, or was lost in the middle.
    case microphone(String)
    /// A parameter lies outside its range.
    case parameter(String)

    /// The line for the user.
    public var message: String {
        switch self {
        case .newerSchema(let text), .tampered(let text), .missingFile(let text), .damaged(let text),
            .noArtifact(let text), .audio(let text), .microphone(let text), .parameter(let text):
            return text
        }
    }
}

extension SentioError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { message }
    public var description: String { message }
}
