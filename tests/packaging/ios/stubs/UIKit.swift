// Declarations of what the demo uses of UIKit; no behaviour.

@MainActor
open class UIApplication {
    public static let openSettingsURLString = "app-settings:"
}
