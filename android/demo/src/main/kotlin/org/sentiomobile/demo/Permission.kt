package org.sentiomobile.demo

import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.provider.Settings
import androidx.activity.compose.LocalActivity
import androidx.activity.compose.rememberLauncherForActivityResult
import androidx.activity.result.contract.ActivityResultContracts
import androidx.compose.foundation.layout.Column
import androidx.compose.material3.AlertDialog
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.res.stringResource

/**
 * The way to what the user must allow.
 *
 * @property refused whether the user said no to the last question.
 * @property ask goes on where that is allowed; else it asks, with the reason where the user said no before.
 */
class Permission(val refused: Boolean, val ask: () -> Unit)

/**
 * Asks only when the user wants what needs the permission, and never twice in a row.
 *
 * @param name of the permission.
 * @param title the string that asks.
 * @param reason the string that says what it is for.
 */
@Composable
fun rememberPermission(name: String, title: Int, reason: Int, onGranted: () -> Unit): Permission {
    val context = LocalContext.current
    val activity = LocalActivity.current
    var refused by rememberSaveable { mutableStateOf(false) }
    var explaining by rememberSaveable { mutableStateOf(false) }
    val launcher = rememberLauncherForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        refused = !granted
        if (granted) onGranted()
    }
    if (explaining) {
        Reason(
            title = stringResource(title),
            reason = stringResource(reason),
            onGoOn = {
                explaining = false
                launcher.launch(name)
            },
            onNotNow = { explaining = false },
        )
    }
    return Permission(refused) {
        val granted = context.checkSelfPermission(name) == PackageManager.PERMISSION_GRANTED
        when {
            granted -> {
                refused = false
                onGranted()
            }
            activity?.shouldShowRequestPermissionRationale(name) == true -> explaining = true
            else -> launcher.launch(name)
        }
    }
}

@Composable
private fun Reason(title: String, reason: String, onGoOn: () -> Unit, onNotNow: () -> Unit) {
    AlertDialog(
        onDismissRequest = onNotNow,
        title = { Text(title) },
        text = { Text(reason) },
        confirmButton = { TextButton(onClick = onGoOn) { Text(stringResource(R.string.permission_ask)) } },
        dismissButton = { TextButton(onClick = onNotNow) { Text(stringResource(R.string.permission_not_now)) } },
    )
}

/** After a second refusal Android asks no more: the settings are the only way left, as [words] say. */
@Composable
fun PermissionRefused(words: String) {
    val context = LocalContext.current
    Column {
        Text(words, color = MaterialTheme.colorScheme.error)
        TextButton(
            onClick = {
                val app = Uri.fromParts("package", context.packageName, null)
                context.startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app))
            },
        ) { Text(stringResource(R.string.permission_settings)) }
    }
}
