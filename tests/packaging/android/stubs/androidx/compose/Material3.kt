@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.material3

import android.content.Context
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.RowScope
import androidx.compose.runtime.Composable
import androidx.compose.runtime.ReadOnlyComposable
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.painter.Painter
import androidx.compose.ui.text.TextStyle

class ColorScheme {
    val primary: Color get() = TODO()
    val tertiary: Color get() = TODO()
    val outline: Color get() = TODO()
    val error: Color get() = TODO()
    val onSurface: Color get() = TODO()
}

class Typography {
    val headlineSmall: TextStyle get() = TODO()
    val titleMedium: TextStyle get() = TODO()
    val bodySmall: TextStyle get() = TODO()
}

object MaterialTheme {
    val colorScheme: ColorScheme @Composable @ReadOnlyComposable get() = TODO()
    val typography: Typography @Composable @ReadOnlyComposable get() = TODO()
}

@Composable
fun MaterialTheme(colorScheme: ColorScheme = TODO(), content: @Composable () -> Unit) {
}

fun lightColorScheme(primary: Color = TODO(), tertiary: Color = TODO()): ColorScheme = TODO()

fun darkColorScheme(primary: Color = TODO(), tertiary: Color = TODO()): ColorScheme = TODO()

fun dynamicLightColorScheme(context: Context): ColorScheme = TODO()

fun dynamicDarkColorScheme(context: Context): ColorScheme = TODO()

@Composable
fun Text(text: String, modifier: Modifier = Modifier, color: Color = Color.Unspecified, style: TextStyle = TextStyle.Default) {
}

@Composable
fun Icon(painter: Painter, contentDescription: String?, modifier: Modifier = Modifier) {
}

@Composable
fun Button(
    onClick: () -> Unit,
    modifier: Modifier = Modifier,
    enabled: Boolean = true,
    content: @Composable RowScope.() -> Unit,
) {
}

@Composable
fun OutlinedButton(
    onClick: () -> Unit,
    modifier: Modifier = Modifier,
    enabled: Boolean = true,
    content: @Composable RowScope.() -> Unit,
) {
}

@Composable
fun TextButton(onClick: () -> Unit, modifier: Modifier = Modifier, content: @Composable RowScope.() -> Unit) {
}

@Composable
fun LinearProgressIndicator(progress: () -> Float, modifier: Modifier = Modifier) {
}

@Composable
fun LinearProgressIndicator(modifier: Modifier = Modifier) {
}

@Composable
fun AlertDialog(
    onDismissRequest: () -> Unit,
    confirmButton: @Composable () -> Unit,
    modifier: Modifier = Modifier,
    dismissButton: @Composable (() -> Unit)? = null,
    title: @Composable (() -> Unit)? = null,
    text: @Composable (() -> Unit)? = null,
) {
}

@Composable
fun Scaffold(
    modifier: Modifier = Modifier,
    bottomBar: @Composable () -> Unit = {},
    content: @Composable (PaddingValues) -> Unit,
) {
}

@Composable
fun NavigationBar(modifier: Modifier = Modifier, content: @Composable RowScope.() -> Unit) {
}

@Composable
fun RowScope.NavigationBarItem(
    selected: Boolean,
    onClick: () -> Unit,
    icon: @Composable () -> Unit,
    modifier: Modifier = Modifier,
    label: @Composable (() -> Unit)? = null,
) {
}
