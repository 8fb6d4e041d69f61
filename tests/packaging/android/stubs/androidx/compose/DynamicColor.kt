@file:Suppress("UNUSED_PARAMETER")

package androidx.compose.material3

import android.content.Context

fun dynamicDarkColorScheme(context: Context): ColorScheme = TODO()

fun dynamicLightColorScheme(context: Context): ColorScheme = TODO()
