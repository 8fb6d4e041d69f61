package org.sentiomobile.demo

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.Button
import androidx.compose.material3.HorizontalDivider
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import kotlin.math.ceil
import kotlin.math.roundToInt
import org.sentiomobile.core.library.LibraryProgress
import org.sentiomobile.core.library.LibraryRow
import org.sentiomobile.library.LibraryState
import org.sentiomobile.library.MUSIC_PERMISSION

/** Analyze all music of the phone in the background, and see what was found so far. */
@Composable
fun LibraryScreen(state: DemoState, actions: DemoActions, modifier: Modifier = Modifier) {
    val music = rememberPermission(MUSIC_PERMISSION, R.string.music_title, R.string.music_reason, actions::startLibrary)
    val library = state.library
    LazyColumn(
        modifier = modifier.fillMaxSize(),
        contentPadding = PaddingValues(16.dp),
        verticalArrangement = Arrangement.spacedBy(12.dp),
    ) {
        item { Text(stringResource(R.string.library_about)) }
        item {
            if (library != null && !library.ended) {
                Button(onClick = actions::cancelLibrary) { Text(stringResource(R.string.library_cancel)) }
            } else {
                Button(onClick = music.ask) { Text(stringResource(R.string.library_start)) }
            }
        }
        if (music.refused) item { PermissionRefused(stringResource(R.string.music_denied)) }
        if (library != null) item { Progress(library) }
        items(state.songs, key = LibraryRow::path) { Song(it) }
    }
}

@Composable
private fun Progress(library: LibraryState) {
    val progress = library.progress
    val fault = library.fault
    Column(verticalArrangement = Arrangement.spacedBy(8.dp)) {
        // Read out when it ends or is stopped, not at each song.
        Text(
            text = fault ?: headline(library),
            color = if (fault != null) MaterialTheme.colorScheme.error else MaterialTheme.colorScheme.onSurface,
            modifier = Modifier.semantics { liveRegion = LiveRegionMode.Polite },
        )
        if (progress != null && progress.total > 0) {
            if (!library.ended) {
                LinearProgressIndicator(
                    progress = { progress.done.toFloat() / progress.total },
                    modifier = Modifier.fillMaxWidth(),
                )
            }
            Text(counted(progress), style = MaterialTheme.typography.bodySmall)
        }
    }
}

@Composable
private fun headline(library: LibraryState): String {
    val progress = library.progress
    return stringResource(
        when {
            library.running -> R.string.library_running
            !library.ended -> R.string.library_waiting
            progress == null -> R.string.library_stopped
            progress.total == 0 -> R.string.library_none
            else -> R.string.library_done
        },
    )
}

@Composable
private fun counted(progress: LibraryProgress): String {
    val songs = stringResource(R.string.library_songs, progress.done, progress.total, progress.faults)
    val seconds = progress.secondsLeft ?: return songs
    if (progress.done == progress.total) return songs
    val left = if (seconds < MINUTE) {
        stringResource(R.string.library_seconds_left, seconds.roundToInt())
    } else {
        stringResource(R.string.library_minutes_left, ceil(seconds / MINUTE).toInt())
    }
    return "$songs $left"
}

@Composable
private fun Song(row: LibraryRow) {
    Column(verticalArrangement = Arrangement.spacedBy(2.dp)) {
        HorizontalDivider()
        Text(row.path.substringAfterLast('/'), style = MaterialTheme.typography.titleSmall)
        row.answer?.let { answer ->
            Text(wordsOf(answer))
            if (!answer.silent) {
                Text(
                    stringResource(R.string.answer, answer.valence, answer.arousal),
                    style = MaterialTheme.typography.bodySmall,
                )
            }
        }
        row.fault?.let { Text(it, color = MaterialTheme.colorScheme.error, style = MaterialTheme.typography.bodySmall) }
    }
}

/** Seconds of a minute. */
private const val MINUTE = 60
