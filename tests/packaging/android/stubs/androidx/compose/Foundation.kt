@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.foundation

import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.drawscope.DrawScope

class ScrollState

@Composable
fun rememberScrollState(initial: Int = 0): ScrollState = TODO()

fun Modifier.verticalScroll(state: ScrollState, enabled: Boolean = true): Modifier = TODO()

@Composable
fun Canvas(modifier: Modifier, onDraw: DrawScope.() -> Unit) {
}

@Composable
fun isSystemInDarkTheme(): Boolean = TODO()
