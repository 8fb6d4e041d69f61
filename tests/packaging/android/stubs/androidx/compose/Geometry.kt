@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.ui.geometry

class Offset private constructor() {
    val x: Float get() = TODO()
    val y: Float get() = TODO()

    companion object {
        val Zero: Offset get() = TODO()
    }
}

fun Offset(x: Float, y: Float): Offset = TODO()

class Size private constructor() {
    val width: Float get() = TODO()
    val height: Float get() = TODO()
}

fun Size(width: Float, height: Float): Size = TODO()
