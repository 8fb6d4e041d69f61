// Declarations of what SentioCore uses of CryptoKit; no behaviour.
import Foundation

public struct SHA256Digest: Sequence {
    public func makeIterator() -> Array<UInt8>.Iterator { fatalError() }
}

public struct SHA256 {
    public typealias Digest = SHA256Digest
    public static func hash<D: DataProtocol>(data: D) -> SHA256Digest { fatalError() }
}

public enum Curve25519 {
    public enum Signing {
        public struct PublicKey {
            public init<D: ContiguousBytes>(rawRepresentation: D) throws { fatalError() }
            public func isValidSignature<S: DataProtocol, D: DataProtocol>(_ signature: S, for data: D) -> Bool {
                fatalError()
            }
        }
    }
}
