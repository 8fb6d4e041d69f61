import XCTest

@testable import SentioCore

final class DigestTests: XCTestCase {
    func testKnownDigests() {
        let known = [
            "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq":
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ]
        for (text, digest) in known {
            XCTAssertEqual(FileDigest.hex(of: Data(text.utf8)), digest)
            XCTAssertEqual(FileDigest.portableHex(of: Data(text.utf8)), digest)
        }
        let million = Data(repeating: 0x61, count: 1_000_000)
        XCTAssertEqual(
            FileDigest.portableHex(of: million), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    func testBothWaysAgreeAtEveryLengthOfTheLastBlock() {
        var seen = Set<String>()
        for count in 0..<130 {
            let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            XCTAssertEqual(FileDigest.portableHex(of: data), FileDigest.hex(of: data))
            seen.insert(FileDigest.portableHex(of: data))
        }
        XCTAssertEqual(seen.count, 130)
        let slice = Data([9, 9, 0x61, 0x62, 0x63]).suffix(3)
        XCTAssertEqual(FileDigest.portableHex(of: slice), FileDigest.hex(of: Data("abc".utf8)))
    }
}
