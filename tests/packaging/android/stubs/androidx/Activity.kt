@file:Suppress("UNUSED_PARAMETER")

package androidx.activity

import android.app.Activity
import androidx.lifecycle.ViewModel

open class ComponentActivity : Activity()

fun ComponentActivity.enableEdgeToEdge() {}

inline fun <reified VM : ViewModel> ComponentActivity.viewModels(): Lazy<VM> = TODO()
