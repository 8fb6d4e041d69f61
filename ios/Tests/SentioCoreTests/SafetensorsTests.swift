import XCTest

@testable import SentioCore

final class SafetensorsTests: XCTestCase {
    private func file(_ header: String, _ body: [UInt8] = []) -> Data {
        let length = UInt64(header.utf8.count)
        return Data((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }) + Data(header.utf8) + Data(body)
    }

    func testNumbersAreReadInTheirOrder() throws {
        let header = """
            {"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"I16","shape":[2],"data_offsets":[8,12]},\
            "c":{"dtype":"I32","shape":[],"data_offsets":[12,16]},"__metadata__":{"sounds":"x, y"}}
            """
        let body: [UInt8] = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0xff, 0xff, 0, 0x80, 0xfe, 0xff, 0xff, 0xff]
        // One byte before it: nothing may depend on where in memory the numbers lie.
        let data = (Data([7]) + file(header, body)).suffix(from: 1)
        let tensors = try Safetensors(data, name: "x")
        XCTAssertEqual(try tensors.floats("a"), [1, -2])
        XCTAssertEqual(try tensors.shape("a"), [1, 2])
        XCTAssertEqual(try tensors.int16s("b"), [-1, -32_768])
        XCTAssertEqual(try tensors.int32s("c"), [-2])
        XCTAssertEqual(tensors.metadata["sounds"], "x, y")
        XCTAssertTrue(tensors.contains("a") && !tensors.contains("d"))
        for read in [{ _ = try tensors.floats("d") }, { _ = try tensors.floats("b") }, { _ = try tensors.int32s("a") }] {
            XCTAssertThrowsError(try read())
        }
    }

    func testDamagedFilesAreRefused() {
        let damaged = [
            Data(), Data([1, 2, 3]), Data(repeating: 0xff, count: 64), file("["), file("{\"a\":1}"),
            file("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", [0, 0, 0]),
            file("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", [UInt8](repeating: 0, count: 8)),
            file("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", [UInt8](repeating: 0, count: 8)),
        ]
        for data in damaged {
            XCTAssertThrowsError(try Safetensors(data, name: "x")) { error in
                guard case SentioError.damaged = error else { return XCTFail("\(error)") }
            }
        }
        let wrong = file("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", [UInt8](repeating: 0, count: 8))
        XCTAssertThrowsError(try Safetensors(wrong, name: "x").floats("a"))
    }
}
