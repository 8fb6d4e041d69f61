@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.material3

import android.content.Context

/** Material's baseline in place of the phone's own palette: other hues, the same tones for the same roles. */
fun dynamicLightColorScheme(context: Context): ColorScheme = lightColorScheme()

/** The same in the dark. */
fun dynamicDarkColorScheme(context: Context): ColorScheme = darkColorScheme()
