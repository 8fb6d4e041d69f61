package androidx.activity.compose

import android.app.Activity
import androidx.activity.result.contract.ActivityResultContract
import androidx.compose.runtime.Composable
import androidx.compose.runtime.ProvidableCompositionLocal
import androidx.compose.runtime.compositionLocalOf
import androidx.compose.runtime.getValue
import androidx.compose.runtime.rememberUpdatedState

/** The activity that shows the screens. */
val LocalActivity: ProvidableCompositionLocal<Activity?> = compositionLocalOf { null }

/** What the user answers to a question; a test says so. */
val LocalUser: ProvidableCompositionLocal<(ActivityResultContract<*, *>) -> Any?> =
    compositionLocalOf { error("nobody answers") }

/** Asks a question. */
class ManagedActivityResultLauncher<I, O>(private val ask: (I) -> O, private val onResult: (O) -> Unit) {
    fun launch(input: I) {
        onResult(ask(input))
    }
}

/** A launcher whose questions are answered at once. */
@Composable
fun <I, O> rememberLauncherForActivityResult(
    contract: ActivityResultContract<I, O>,
    onResult: (O) -> Unit,
): ManagedActivityResultLauncher<I, O> {
    val user = LocalUser.current
    val answered by rememberUpdatedState(onResult)
    @Suppress("UNCHECKED_CAST")
    return ManagedActivityResultLauncher({ user(contract) as O }, { answered(it) })
}
