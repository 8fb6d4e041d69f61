package androidx.compose.ui.text

class TextStyle {
    companion object {
        val Default: TextStyle get() = TODO()
    }
}
