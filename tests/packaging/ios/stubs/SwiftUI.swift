// Declarations of what the demo uses of SwiftUI (and of Combine, which it brings along), with Apple's names, labels and
// types, and no behaviour: enough for the compiler to check the demo on Linux. What this cannot show is how it looks.
@_exported import Foundation
import UniformTypeIdentifiers

extension URL {
    // Foundation's own on Apple's systems alone.
    public func startAccessingSecurityScopedResource() -> Bool { fatalError() }
    public func stopAccessingSecurityScopedResource() { fatalError() }
}

// MARK: State

public protocol ObservableObject: AnyObject {}

@propertyWrapper
public struct Published<Value> {
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
    public var wrappedValue: Value
}

@propertyWrapper @MainActor
public struct StateObject<ObjectType: ObservableObject> {
    public init(wrappedValue thunk: @autoclosure @escaping () -> ObjectType) { fatalError() }
    public var wrappedValue: ObjectType { fatalError() }
}

@propertyWrapper @MainActor
public struct EnvironmentObject<ObjectType: ObservableObject> {
    public init() {}
    public var wrappedValue: ObjectType { fatalError() }
}

@propertyWrapper
public struct State<Value> {
    public init(wrappedValue value: Value) { fatalError() }
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set { fatalError() }
    }
    public var projectedValue: Binding<Value> { fatalError() }
}

extension State where Value: ExpressibleByNilLiteral {
    public init() { fatalError() }
}

public struct Binding<Value> {}

public enum ScenePhase: Sendable { case background, inactive, active }

public struct EnvironmentValues {
    public var scenePhase: ScenePhase { fatalError() }
}

@propertyWrapper
public struct Environment<Value> {
    public init(_ keyPath: KeyPath<EnvironmentValues, Value>) { fatalError() }
    public var wrappedValue: Value { fatalError() }
}

// MARK: App and scenes

@MainActor
public protocol App {
    associatedtype Body: Scene
    var body: Body { get }
    init()
}

extension App {
    public static func main() { fatalError() }
}

@MainActor
public protocol Scene {}

extension Scene {
    public func onChange<V: Equatable>(of value: V, perform action: @escaping (V) -> Void) -> some Scene { self }
}

public struct WindowGroup<Content: View>: Scene {
    public init(@ViewBuilder content: () -> Content) { fatalError() }
}

// MARK: Views and their builder

@MainActor
public protocol View {
    associatedtype Body: View
    @ViewBuilder var body: Body { get }
}

extension Never: View {
    public var body: Never { fatalError() }
}

public protocol Leaf: View where Body == Never {}

extension Leaf {
    public var body: Never { fatalError() }
}

extension Optional: View where Wrapped: View {
    public var body: Never { fatalError() }
}

public struct EmptyView: Leaf {
    public nonisolated init() {}
}

public struct TupleView<T>: Leaf {}

public struct EitherView<A: View, B: View>: Leaf {}

@resultBuilder
public enum ViewBuilder {
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<Content: View>(_ content: Content) -> Content { content }
    public static func buildBlock<each Content: View>(_ content: repeat each Content) -> TupleView<(repeat each Content)> {
        fatalError()
    }
    public static func buildIf<Content: View>(_ content: Content?) -> Content? { content }
    public static func buildEither<A: View, B: View>(first: A) -> EitherView<A, B> { fatalError() }
    public static func buildEither<A: View, B: View>(second: B) -> EitherView<A, B> { fatalError() }
    public static func buildLimitedAvailability<Content: View>(_ content: Content) -> EmptyView { EmptyView() }
}

// MARK: Containers

public struct VStack<Content: View>: Leaf {
    public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}

public struct HStack<Content: View>: Leaf {
    public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> Content) {}
}

public struct ZStack<Content: View>: Leaf {
    public init(alignment: Alignment = .center, @ViewBuilder content: () -> Content) {}
}

public struct ScrollView<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct List<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct Section<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
    public init<S: StringProtocol>(_ title: S, @ViewBuilder content: () -> Content) {}
}

@available(iOS 16.0, macOS 13.0, *)
public struct NavigationStack<Root: View>: Leaf {
    public init(@ViewBuilder root: () -> Root) {}
}

public struct NavigationView<Content: View>: Leaf {
    public init(@ViewBuilder content: () -> Content) {}
}

public struct StackNavigationViewStyle: Sendable {}

extension View {
    public func navigationViewStyle(_ style: StackNavigationViewStyle) -> some View { self }
}

extension StackNavigationViewStyle {
    public static var stack: StackNavigationViewStyle { StackNavigationViewStyle() }
}

public struct NavigationLink<Destination: View>: Leaf {
    public init<S: StringProtocol>(_ title: S, @ViewBuilder destination: () -> Destination) {}
}

public struct GeometryProxy {
    public var size: CGSize { fatalError() }
}

public struct GeometryReader<Content: View>: Leaf {
    public init(@ViewBuilder content: @escaping (GeometryProxy) -> Content) {}
}

// MARK: Leaves

public struct Text: Leaf {
    public init<S: StringProtocol>(_ content: S) {}
    public func font(_ font: Font?) -> Text { self }
    public func bold() -> Text { self }
    public func foregroundColor(_ color: Color?) -> Text { self }
}

public struct Label: Leaf {
    public init<S: StringProtocol>(_ title: S, systemImage name: String) {}
}

public struct Button<Content: View>: Leaf {
    public init(action: @escaping @MainActor () -> Void, @ViewBuilder label: () -> Content) {}
}

extension Button where Content == Text {
    public init<S: StringProtocol>(_ title: S, action: @escaping @MainActor () -> Void) {}
}

public struct Link: Leaf {
    public init<S: StringProtocol>(_ title: S, destination: URL) {}
}

public struct ProgressView: Leaf {
    public init<S: StringProtocol>(_ title: S) {}
}

public struct Spacer: Leaf {
    public init(minLength: CGFloat? = nil) {}
}

@available(iOS 16.0, macOS 13.0, *)
public struct ShareLink: Leaf {
    public init<S: StringProtocol>(_ title: S, item: String) {}
}

// MARK: Shapes

public protocol Shape: View, Sendable {}

extension Shape {
    public var body: Never { fatalError() }
    public func fill(_ content: Color) -> some View { EmptyView() }
    public func stroke(_ content: Color, lineWidth: CGFloat = 1) -> some View { EmptyView() }
    public func stroke(_ content: Color, style: StrokeStyle) -> some View { EmptyView() }
}

public struct StrokeStyle: Sendable {
    public init(lineWidth: CGFloat = 1, dash: [CGFloat] = []) {}
}

public struct Circle: Shape { public init() {} }
public struct Rectangle: Shape { public init() {} }
public struct RoundedRectangle: Shape { public init(cornerRadius: CGFloat) {} }

public struct Path: Shape {
    public init(_ callback: (inout Path) -> Void) {}
    public mutating func move(to end: CGPoint) {}
    public mutating func addLine(to end: CGPoint) {}
    public mutating func addLines(_ lines: [CGPoint]) {}
}

// MARK: Values

public struct Color: Leaf, Sendable {
    public static let accentColor = Color()
    public static let secondary = Color()
    public static let red = Color()
    public static let orange = Color()
    public func opacity(_ opacity: Double) -> Color { self }
}

public struct Font: Sendable {
    public static let body = Font()
    public static let title2 = Font()
    public static let callout = Font()
    public static let footnote = Font()
    public static let caption = Font()
    public func monospaced() -> Font { self }
}

public struct HorizontalAlignment: Sendable {
    public static let center = HorizontalAlignment()
    public static let leading = HorizontalAlignment()
}

public struct VerticalAlignment: Sendable { public static let center = VerticalAlignment() }

public struct Alignment: Sendable {
    public static let center = Alignment()
    public static let top = Alignment()
    public static let bottom = Alignment()
    public static let leading = Alignment()
    public static let trailing = Alignment()
}

public enum TextAlignment: Sendable { case leading, center, trailing }
public enum ContentMode: Sendable { case fit, fill }
public enum ControlSize: Sendable { case mini, small, regular, large }
public struct Animation: Sendable { public static let easeInOut = Animation() }

public struct AccessibilityChildBehavior: Sendable {
    public static let ignore = AccessibilityChildBehavior()
    public static let combine = AccessibilityChildBehavior()
}

public struct BorderedProminentButtonStyle: Sendable {}
extension BorderedProminentButtonStyle {
    public static var borderedProminent: BorderedProminentButtonStyle { BorderedProminentButtonStyle() }
}

public struct EnabledTextSelectability: Sendable {
    public static var enabled: EnabledTextSelectability { EnabledTextSelectability() }
}

// MARK: Toolbar

public struct ToolbarItemPlacement: Sendable { public static let navigationBarTrailing = ToolbarItemPlacement() }

@MainActor
public protocol ToolbarContent {}

public struct ToolbarItem<Content: View>: ToolbarContent {
    public init(placement: ToolbarItemPlacement, @ViewBuilder content: () -> Content) {}
}

@resultBuilder
public enum ToolbarContentBuilder {
    public static func buildBlock<Content: ToolbarContent>(_ content: Content) -> Content { content }
}

// MARK: Modifiers

extension View {
    public func environmentObject<T: ObservableObject>(_ object: T) -> some View { self }
    public func task(_ action: @escaping @Sendable @MainActor () async -> Void) -> some View { self }
    public func padding(_ length: CGFloat? = nil) -> some View { self }
    public func frame(width: CGFloat? = nil, height: CGFloat? = nil, alignment: Alignment = .center) -> some View { self }
    public func frame(
        maxWidth: CGFloat? = nil, maxHeight: CGFloat? = nil, alignment: Alignment = .center
    ) -> some View { self }
    public func position(_ position: CGPoint) -> some View { self }
    public func position(x: CGFloat = 0, y: CGFloat = 0) -> some View { self }
    public func animation<V: Equatable>(_ animation: Animation?, value: V) -> some View { self }
    public func aspectRatio(_ aspectRatio: CGFloat? = nil, contentMode: ContentMode) -> some View { self }
    public func background<V: View>(_ background: V, alignment: Alignment = .center) -> some View { self }
    public func clipShape<S: Shape>(_ shape: S) -> some View { self }
    public func font(_ font: Font?) -> some View { self }
    public func foregroundColor(_ color: Color?) -> some View { self }
    public func lineLimit(_ number: Int?) -> some View { self }
    public func multilineTextAlignment(_ alignment: TextAlignment) -> some View { self }
    public func textSelection(_ selectability: EnabledTextSelectability) -> some View { self }
    public func buttonStyle(_ style: BorderedProminentButtonStyle) -> some View { self }
    public func controlSize(_ controlSize: ControlSize) -> some View { self }
    public func disabled(_ disabled: Bool) -> some View { self }
    public func navigationTitle<S: StringProtocol>(_ title: S) -> some View { self }
    public func toolbar<Content: ToolbarContent>(@ToolbarContentBuilder content: () -> Content) -> some View { self }
    public func fileImporter(
        isPresented: Binding<Bool>, allowedContentTypes: [UTType],
        onCompletion: @escaping (Result<URL, any Error>) -> Void
    ) -> some View { self }
    public func accessibilityElement(children: AccessibilityChildBehavior = .ignore) -> some View { self }
    public func accessibilityLabel<S: StringProtocol>(_ label: S) -> some View { self }
    public func accessibilityValue<S: StringProtocol>(_ value: S) -> some View { self }
}
