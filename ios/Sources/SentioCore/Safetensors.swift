import Foundation

/// Tensors of a safetensors file: eight bytes with the header's length, a JSON header, then little-endian numbers.
public struct Safetensors: Sendable {
    struct Tensor: Sendable {
        let type: String
        let shape: [Int]
        let bytes: Range<Int>
    }

    /// What the header's `__metadata__` says.
    public let metadata: [String: String]
    private let tensors: [String: Tensor]
    private let data: Data
    private let name: String

    /// Reads the header; numbers are read when they are asked for.
    ///
    /// - Parameters:
    ///   - data: the whole file.
    ///   - name: what messages call it.
    /// - Throws: `SentioError.damaged`.
    public init(_ data: Data, name: String) throws {
        let data = data.startIndex == 0 ? data : Data(data)
        guard data.count >= 8 else { throw Safetensors.fault(name, "it is too short") }
        let length = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(data.count - 8) else { throw Safetensors.fault(name, "its header is cut") }
        let begin = 8 + Int(length)
        guard let header = try? JSONSerialization.jsonObject(with: data.subdata(in: 8..<begin)) as? [String: Any] else {
            throw Safetensors.fault(name, "its header is no JSON")
        }
        var tensors: [String: Tensor] = [:]
        for (key, value) in header where key != "__metadata__" {
            guard let entry = value as? [String: Any], let type = entry["dtype"] as? String,
                let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int],
                offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= data.count - begin,
                shape.allSatisfy({ $0 >= 0 && $0 <= data.count })
            else { throw Safetensors.fault(name, "\(key) lies outside it") }
            tensors[key] = Tensor(type: type, shape: shape, bytes: begin + offsets[0]..<begin + offsets[1])
        }
        self.tensors = tensors
        self.data = data
        self.name = name
        metadata = header["__metadata__"] as? [String: String] ?? [:]
    }

    public func contains(_ key: String) -> Bool { tensors[key] != nil }

    /// Shape of a tensor.
    public func shape(_ key: String) throws -> [Int] { try tensor(key).shape }

    /// All numbers of a float32 tensor, row by row.
    public func floats(_ key: String) throws -> [Float] {
        try words(key, "F32", UInt32.self).map { Float(bitPattern: $0) }
    }

    /// All numbers of an int32 tensor, row by row.
    public func int32s(_ key: String) throws -> [Int32] {
        try words(key, "I32", UInt32.self).map { Int32(bitPattern: $0) }
    }

    /// All numbers of an int16 tensor, row by row.
    public func int16s(_ key: String) throws -> [Int16] {
        try words(key, "I16", UInt16.self).map { Int16(bitPattern: $0) }
    }

    private func tensor(_ key: String) throws -> Tensor {
        guard let tensor = tensors[key] else { throw Safetensors.fault(name, "it has no \(key)") }
        return tensor
    }

    private func words<Word: FixedWidthInteger>(_ key: String, _ type: String, _: Word.Type) throws -> [Word] {
        let tensor = try self.tensor(key)
        let size = MemoryLayout<Word>.size
        let count = tensor.bytes.count / size
        let (product, overflow) = tensor.shape.reduce((1, false)) { found, side in
            let next = found.0.multipliedReportingOverflow(by: side)
            return (next.partialValue, found.1 || next.overflow)
        }
        guard tensor.type == type, !overflow, product == count, count * size == tensor.bytes.count else {
            throw Safetensors.fault(name, "\(key) is not \(type) of its shape")
        }
        return data.withUnsafeBytes { (raw: UnsafeRawBufferPointer) -> [Word] in
            var words = [Word](repeating: 0, count: count)
            words.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[tensor.bytes])) }
            return words.map { Word(littleEndian: $0) }
        }
    }

    private static func fault(_ name: String, _ why: String) -> SentioError {
        .damaged("\(name): holds no tensors that can be read (\(why)); copy the file again")
    }
}
