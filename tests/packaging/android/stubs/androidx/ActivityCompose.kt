@file:Suppress("UNUSED_PARAMETER")

package androidx.activity.compose

import android.app.Activity
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContract
import androidx.compose.runtime.Composable
import androidx.compose.runtime.ProvidableCompositionLocal

fun ComponentActivity.setContent(content: @Composable () -> Unit) {}

val LocalActivity: ProvidableCompositionLocal<Activity?> get() = TODO()

class ManagedActivityResultLauncher<I, O> {
    fun launch(input: I) {}
}

@Composable
fun <I, O> rememberLauncherForActivityResult(
    contract: ActivityResultContract<I, O>,
    onResult: (O) -> Unit,
): ManagedActivityResultLauncher<I, O> = TODO()
