// Declarations of what the demo uses of UniformTypeIdentifiers; no behaviour.

public struct UTType: Sendable, Hashable {
    public static let audio = UTType()
}
