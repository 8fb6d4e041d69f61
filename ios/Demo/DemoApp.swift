import SwiftUI

/// One screen that shows what an app does with the SDK.
@main
struct DemoApp: App {
    @StateObject private var listener = Listener()
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            Stack { EmotionScreen() }
                .environmentObject(listener)
                .task { await listener.load() }
        }
        .onChange(of: phase) { now in
            // An app that is not on the screen has no business with the microphone; a song goes on.
            if now == .background { listener.leaveMicrophone() }
        }
    }
}

/// Screens on top of each other; `NavigationStack` came with iOS 16.
private struct Stack<Content: View>: View {
    @ViewBuilder let content: () -> Content

    var body: some View {
        if #available(iOS 16.0, *) {
            NavigationStack(root: content)
        } else {
            NavigationView(content: content).navigationViewStyle(.stack)
        }
    }
}
