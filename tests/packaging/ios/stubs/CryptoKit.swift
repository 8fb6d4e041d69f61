// Declarations of what SentioCore uses of CryptoKit; no behaviour.
import Foundation

public struct SHA256Digest: Sequence {
    public func makeIterator() -> Array<UInt8>.Iterator { fatalError() }
}

public struct SHA256 {
    public typealias Digest = SHA256Digest
    public static func hash<D: DataProtocol>(data: D) -> SHA256Digest { fatalError() }
}
