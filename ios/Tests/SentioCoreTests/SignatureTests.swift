import Foundation
import XCTest

@testable import SentioCore

/// Signed model folders, on the cases that every language is tested on.
final class SignatureTests: XCTestCase {
    private struct Golden: Decodable {
        struct Case: Decodable {
            let name: String
            let manifest: String
            let sheet: String?
            let public_key: String
            let verdict: String
        }

        let files: [String: String]
        let manifests: [String: String]
        let cases: [Case]

        func manifest(_ one: Case) -> Data { Data((manifests[one.manifest] ?? "").utf8) }
        var good: Case { cases.first { $0.verdict == "holds" }! }
    }

    private func golden() throws -> Golden {
        return try JSONDecoder().decode(Golden.self, from: Support.shared("signatures.json"))
    }

    private func folder(_ one: Golden.Case, of golden: Golden) throws -> URL {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        for (name, text) in golden.files { try Data(text.utf8).write(to: url.appendingPathComponent(name)) }
        try golden.manifest(one).write(to: url.appendingPathComponent("manifest.json"))
        if let sheet = one.sheet { try Data(sheet.utf8).write(to: url.appendingPathComponent("manifest.sig.json")) }
        return url
    }

    private func verdict(_ body: () throws -> Void) throws -> String {
        do {
            try body()
            return "holds"
        } catch let error as SentioError {
            XCTAssertFalse(error.message.contains("\n"))
            switch error {
            case .tampered(let text): return text.contains("another key") ? "other key" : "tampered"
            case .missingFile: return "unsigned"
            case .newerSchema: return "newer"
            case .damaged: return "damaged"
            case .parameter: return "no key"
            default: throw error
            }
        }
    }

    /// What the system's Ed25519 is handed: on Linux, where there is none, the one right answer is known by heart.
    func testEverythingAroundTheCurveIsJudgedAsEveryLanguageMust() throws {
        let golden = try self.golden()
        XCTAssertGreaterThanOrEqual(golden.cases.count, 25)
        let sheet = try XCTUnwrap(
            JSONSerialization.jsonObject(with: Data(golden.good.sheet!.utf8)) as? [String: Any])
        let right = try XCTUnwrap(Data(base64Encoded: try XCTUnwrap(sheet["signature"] as? String)))
        let lines = golden.good.public_key.split(separator: "\n")
        let key = try XCTUnwrap(Data(base64Encoded: String(lines[1]))).suffix(32)
        let content = golden.manifest(golden.good)
        for one in golden.cases {
            let found = try verdict {
                try ModelSignature.check(
                    manifest: golden.manifest(one), sheet: one.sheet.map { Data($0.utf8) }, publicKey: one.public_key,
                    folder: "folder", holds: { $0 == right && $1 == content && $2 == key })
            }
            XCTAssertEqual(found, one.verdict, one.name)
        }
    }

    #if canImport(CryptoKit)
    func testSignedFoldersAreJudgedAsEveryLanguageMust() throws {
        let golden = try self.golden()
        for one in golden.cases {
            let url = try folder(one, of: golden)
            defer { try? FileManager.default.removeItem(at: url) }
            let found = try verdict {
                let opened = try ModelFolder(url, formats: ["onnx"], signedBy: one.public_key)
                XCTAssertEqual(opened.manifest.release, "1")
            }
            XCTAssertEqual(found, one.verdict, one.name)
        }
    }
    #else
    func testWhereNothingComputesEd25519TheFolderIsRefusedAndTheMessageSaysSo() async throws {
        let golden = try self.golden()
        let url = try folder(golden.good, of: golden)
        defer { try? FileManager.default.removeItem(at: url) }
        let error = await caught { _ = try ModelFolder(url, formats: ["onnx"], signedBy: golden.good.public_key) }
        guard case .parameter(let text)? = error else { return XCTFail("\(String(describing: error))") }
        XCTAssertTrue(text.contains("no CryptoKit"), text)
        XCTAssertEqual(try ModelFolder(url, formats: ["onnx"]).manifest.release, "1")
    }
    #endif
}
