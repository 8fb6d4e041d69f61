package androidx.compose.ui.platform

import android.content.Context
import androidx.compose.runtime.ProvidableCompositionLocal
import androidx.compose.runtime.compositionLocalOf

/** The app around a screen. */
val LocalContext: ProvidableCompositionLocal<Context> = compositionLocalOf { error("no app") }
