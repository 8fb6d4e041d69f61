import Foundation

#if canImport(CryptoKit)
import CryptoKit
#endif

/// Whether a manifest was signed by the owner of a key: for models that an app downloads.
///
/// `sentio-mobile bundle sign` writes the signature, `manifest.sig.json`: Ed25519 (RFC 8032) over the bytes of `manifest.json`,
/// which has the hash of every other file.
public enum ModelSignature {
    static let fileName = "manifest.sig.json"
    private static let schema = 1
    private static let longest = 512
    private static let fields: Set<String> = ["schema", "algorithm", "public_key_sha256", "signature"]
    /// What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410).
    private static let prefix = Data([0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00])

    /// Tells whether 64 bytes are the signature of a text by a key of 32 bytes.
    typealias Verifier = (_ signature: Data, _ content: Data, _ key: Data) throws -> Bool

    /// Checks the signature of a manifest.
    ///
    /// - Parameters:
    ///   - manifest: the content of `manifest.json`, which is to be used afterwards: a file may change between two reads.
    ///   - sheet: the content of `manifest.sig.json`; nil where there is none.
    ///   - publicKey: the signer's Ed25519 key as PEM, as `sentio-mobile bundle key` writes it. It belongs into the app itself.
    ///   - folder: what messages call the folder.
    /// - Throws: `SentioError.missingFile` where the model is not signed; `.tampered` where the signature is not of this key or
    ///   not of this manifest; `.damaged`, `.newerSchema` for the sheet; `.parameter` where the key is none, or where this
    ///   system has no CryptoKit, so that nothing was checked.
    public static func check(manifest: Data, sheet: Data?, publicKey: String, folder: String) throws {
        try check(manifest: manifest, sheet: sheet, publicKey: publicKey, folder: folder, holds: byCryptoKit)
    }

    static func check(manifest: Data, sheet: Data?, publicKey: String, folder: String, holds: Verifier) throws {
        let der = try key(publicKey)
        let place = "\(folder)/\(fileName)"
        guard let sheet = sheet else {
            throw SentioError.missingFile("\(place): is missing; have the model signed with `sentio-mobile bundle sign`")
        }
        let (signature, signer) = try read(sheet, place: place)
        if signer != FileDigest.hex(of: der) {
            throw SentioError.tampered(
                "\(place): is of another key than the one that this app trusts; do not use the model")
        }
        if try !holds(signature, manifest, der.suffix(32)) {
            throw SentioError.tampered(
                "\(folder)/\(Manifest.fileName): the signature does not hold: the manifest was changed, or another one was "
                    + "signed; do not use the model")
        }
    }

    private static func byCryptoKit(signature: Data, content: Data, key: Data) throws -> Bool {
        #if canImport(CryptoKit)
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: key) else { return false }
        return key.isValidSignature(signature, for: content)
        #else
        throw SentioError.parameter(
            "a public key was given, but this system has no CryptoKit to check Ed25519 signatures with, so the model is not "
                + "opened; check it with `sentio-mobile bundle check`")
        #endif
    }

    /// A key in DER.
    private static func key(_ pem: String) throws -> Data {
        let lines = pem.split(whereSeparator: { $0.isWhitespace }).joined(separator: " ")
        let head = "-----BEGIN PUBLIC KEY-----", foot = "-----END PUBLIC KEY-----"
        if lines.hasPrefix(head), lines.hasSuffix(foot), lines.count > head.count + foot.count {
            let text = lines.dropFirst(head.count).dropLast(foot.count).filter { $0 != " " }
            if let der = Data(base64Encoded: String(text)), der.count == prefix.count + 32, der.starts(with: prefix) {
                return der
            }
        }
        throw SentioError.parameter(
            "the public key is no Ed25519 key in PEM; give what `sentio-mobile bundle key` wrote")
    }

    /// A signature, and the fingerprint of the key that it says it is of.
    private static func read(_ sheet: Data, place: String) throws -> (signature: Data, signer: String) {
        func damaged(_ what: String) -> SentioError { .damaged("\(place): is damaged (\(what)); sign the model again") }
        if sheet.count > longest { throw damaged("it is longer than \(longest) bytes") }
        guard let found = try? JSONSerialization.jsonObject(with: sheet) as? [String: Any] else {
            throw damaged("it is no JSON object")
        }
        guard let version = try? JSONDecoder().decode(Head.self, from: sheet).schema else {
            throw damaged("its schema is no number")
        }
        if version > schema {
            throw SentioError.newerSchema("\(place): has schema \(version), this version reads \(schema); update the app")
        }
        guard version == schema, Set(found.keys) == fields else {
            throw damaged("its schema or its fields are others")
        }
        guard found["algorithm"] as? String == "Ed25519" else { throw damaged("its algorithm is not Ed25519") }
        guard let signer = found["public_key_sha256"] as? String, signer.utf8.count == 64,
            signer.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { throw damaged("its fingerprint is no SHA-256") }
        // Base64 has spare bits: only one spelling of a signature is accepted.
        guard let text = found["signature"] as? String, let signature = Data(base64Encoded: text),
            signature.count == 64, signature.base64EncodedString() == text
        else { throw damaged("its signature is not 64 bytes of base64") }
        return (signature, signer)
    }

    private struct Head: Decodable {
        let schema: Int
    }
}
