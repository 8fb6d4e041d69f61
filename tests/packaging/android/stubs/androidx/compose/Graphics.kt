@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.ui.graphics

class Color private constructor() {
    companion object {
        val Unspecified: Color get() = TODO()
    }
}

fun Color(color: Long): Color = TODO()
