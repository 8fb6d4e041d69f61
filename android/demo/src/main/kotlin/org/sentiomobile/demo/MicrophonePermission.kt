package org.sentiomobile.demo

import android.Manifest
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
 * The way to the microphone.
 *
 * @property refused whether the user said no to the last question.
 * @property ask listens where that is allowed; else it asks, with the reason where the user said no before.
 */
class MicrophonePermission(val refused: Boolean, val ask: () -> Unit)

/** Asks only when the user wants to listen, and never twice in a row. */
@Composable
fun rememberMicrophonePermission(onGranted: () -> Unit): MicrophonePermission {
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
            onGoOn = {
                explaining = false
                launcher.launch(Manifest.permission.RECORD_AUDIO)
            },
            onNotNow = { explaining = false },
        )
    }
    return MicrophonePermission(refused) {
        val granted = context.checkSelfPermission(Manifest.permission.RECORD_AUDIO) == PackageManager.PERMISSION_GRANTED
        when {
            granted -> {
                refused = false
                onGranted()
            }
            activity?.shouldShowRequestPermissionRationale(Manifest.permission.RECORD_AUDIO) == true -> explaining = true
            else -> launcher.launch(Manifest.permission.RECORD_AUDIO)
        }
    }
}

@Composable
private fun Reason(onGoOn: () -> Unit, onNotNow: () -> Unit) {
    AlertDialog(
        onDismissRequest = onNotNow,
        title = { Text(stringResource(R.string.permission_title)) },
        text = { Text(stringResource(R.string.permission_reason)) },
        confirmButton = { TextButton(onClick = onGoOn) { Text(stringResource(R.string.permission_ask)) } },
        dismissButton = { TextButton(onClick = onNotNow) { Text(stringResource(R.string.permission_not_now)) } },
    )
}

/** After a second refusal Android asks no more: the settings are the only way left. */
@Composable
fun PermissionRefused() {
    val context = LocalContext.current
    Column {
        Text(stringResource(R.string.permission_denied), color = MaterialTheme.colorScheme.error)
        TextButton(
            onClick = {
                val app = Uri.fromParts("package", context.packageName, null)
                context.startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app))
            },
        ) { Text(stringResource(R.string.permission_settings)) }
    }
}
