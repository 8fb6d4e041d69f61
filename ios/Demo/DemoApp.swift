import SwiftUI

/// One screen that shows what an app does with the SDK.
@main
struct DemoApp: App {
    @StateObject private var listener = Listener()
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            NavigationStack { EmotionScreen() }
                .environmentObject(listener)
                .task { await listener.load() }
        }
        .onChange(of: phase) { now in
            // An app that is not on the screen has no business with the microphone; a song goes on.
            if now == .background { listener.leaveMicrophone() }
        }
    }
}
