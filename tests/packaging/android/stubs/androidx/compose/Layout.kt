@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.foundation.layout

import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.Dp

interface PaddingValues

interface ColumnScope

interface RowScope

interface BoxScope {
    fun Modifier.align(alignment: Alignment): Modifier
}

object Arrangement {
    interface Horizontal

    interface Vertical

    interface HorizontalOrVertical : Horizontal, Vertical

    fun spacedBy(space: Dp): HorizontalOrVertical = TODO()
}

@Composable
fun Column(
    modifier: Modifier = Modifier,
    verticalArrangement: Arrangement.Vertical = TODO(),
    content: @Composable ColumnScope.() -> Unit,
) {
}

@Composable
fun Row(
    modifier: Modifier = Modifier,
    horizontalArrangement: Arrangement.Horizontal = TODO(),
    content: @Composable RowScope.() -> Unit,
) {
}

interface FlowRowScope : RowScope

@Composable
fun FlowRow(
    modifier: Modifier = Modifier,
    horizontalArrangement: Arrangement.Horizontal = TODO(),
    content: @Composable FlowRowScope.() -> Unit,
) {
}

@Composable
fun Box(modifier: Modifier = Modifier, content: @Composable BoxScope.() -> Unit) {
}

fun Modifier.padding(all: Dp): Modifier = TODO()

fun Modifier.padding(start: Dp = Dp(0f), top: Dp = Dp(0f), end: Dp = Dp(0f), bottom: Dp = Dp(0f)): Modifier = TODO()

fun Modifier.padding(paddingValues: PaddingValues): Modifier = TODO()

fun Modifier.fillMaxSize(fraction: Float = 1f): Modifier = TODO()

fun Modifier.fillMaxWidth(fraction: Float = 1f): Modifier = TODO()

fun Modifier.height(height: Dp): Modifier = TODO()

fun Modifier.widthIn(min: Dp = Dp(0f), max: Dp = Dp(0f)): Modifier = TODO()

fun Modifier.aspectRatio(ratio: Float, matchHeightConstraintsFirst: Boolean = false): Modifier = TODO()
