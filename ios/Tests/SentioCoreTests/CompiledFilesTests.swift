import XCTest

@testable import SentioCore

/// What a device compiled is kept as long as it is of use.
final class CompiledFilesTests: XCTestCase {
    private var made: [URL] = []

    override func tearDown() {
        for url in made { try? FileManager.default.removeItem(at: url) }
    }

    /// A model folder of a given name whose only file has a given content.
    private func model(_ name: String, _ content: String) throws -> ModelFolder {
        let data = Data(content.utf8)
        let files = ["model.fake": ["sha256": FileDigest.hex(of: data), "bytes": data.count] as [String: Any]]
        let first = try Support.folder(changes: ["files": files])
        try data.write(to: first.appendingPathComponent("model.fake"))
        let parent = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        made.append(parent)
        let url = parent.appendingPathComponent(name)
        try FileManager.default.moveItem(at: first, to: url)
        return try ModelFolder(url, formats: ["fake"])
    }

    private func version(_ major: Int) -> OperatingSystemVersion {
        OperatingSystemVersion(majorVersion: major, minorVersion: 0, patchVersion: 1)
    }

    func testOlderReleasesAndOtherSystemsAreDeleted() throws {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        made.append(place)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let now = CompiledFiles(folder: place, system: version(17)), before = CompiledFiles(folder: place, system: version(16))
        let old = try model("sentio", "first release"), new = try model("sentio", "second release")
        let other = try model("large", "another model of the app")
        let stay = [now.url(for: new), now.url(for: other)]
        let go = [now.url(for: old), before.url(for: new), before.url(for: other)]
        XCTAssertEqual(Set(stay + go).count, 5, "each has a place of its own")
        for url in stay + go {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            try Data("compiled".utf8).write(to: url.appendingPathComponent("weights"))
        }
        now.deleteOlder(than: new)
        let left = try FileManager.default.contentsOfDirectory(atPath: place.path)
        XCTAssertEqual(Set(left), Set(stay.map { $0.lastPathComponent }))
    }

    func testNothingToDelete() throws {
        let nowhere = FileManager.default.temporaryDirectory.appendingPathComponent("sentio-\(UUID().uuidString)")
        CompiledFiles(folder: nowhere).deleteOlder(than: try model("sentio", "a model"))
        XCTAssertFalse(FileManager.default.fileExists(atPath: nowhere.path))
    }
}
