package org.sentiomobile.demo

import android.Manifest
import androidx.activity.compose.rememberLauncherForActivityResult
import androidx.activity.result.contract.ActivityResultContracts
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.BoxWithConstraints
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.rememberScrollState
import androidx.compose.foundation.verticalScroll
import androidx.compose.material3.Button
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedButton
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.unit.dp
import org.sentiomobile.core.Emotion
import org.sentiomobile.core.Side
import org.sentiomobile.core.arousalSide
import org.sentiomobile.core.valenceSide

/** What a document picker offers; some phones call ogg an application. */
private val SOUNDS = arrayOf("audio/*", "application/ogg")

/** From this width on, the plane and what is said of it stand side by side. */
private val TWO_COLUMNS = 600.dp

/** Choose a song or the microphone, and see where on the plane the music is. */
@Composable
fun ListenScreen(state: DemoState, actions: DemoActions, modifier: Modifier = Modifier) {
    val picker = rememberLauncherForActivityResult(ActivityResultContracts.OpenDocument()) { it?.let(actions::predict) }
    val microphone = rememberPermission(
        Manifest.permission.RECORD_AUDIO, R.string.microphone_title, R.string.microphone_reason, actions::listen,
    )
    Column(
        modifier = modifier.fillMaxSize().verticalScroll(rememberScrollState()).padding(16.dp),
        verticalArrangement = Arrangement.spacedBy(12.dp),
    ) {
        // Two buttons in a row, or one below the other where letters are large.
        FlowRow(horizontalArrangement = Arrangement.spacedBy(8.dp), verticalArrangement = Arrangement.spacedBy(4.dp)) {
            if (state.doing == Doing.SONG || state.doing == Doing.MICROPHONE) {
                Button(onClick = actions::stop) { Text(stringResource(R.string.stop)) }
            } else {
                val free = state.doing == Doing.NOTHING
                Button(onClick = { picker.launch(SOUNDS) }, enabled = free) {
                    Text(stringResource(R.string.choose_song))
                }
                OutlinedButton(onClick = microphone.ask, enabled = free) {
                    Text(stringResource(R.string.start_microphone))
                }
            }
        }
        if (microphone.refused) PermissionRefused(stringResource(R.string.microphone_denied))
        Status(state)
        BoxWithConstraints {
            // One below the other where there is room for one, as on a phone that is held upright.
            if (maxWidth < TWO_COLUMNS) {
                Column(verticalArrangement = Arrangement.spacedBy(12.dp)) {
                    Plane(state.answers.lastOrNull(), state.answers)
                    if (state.answers.isNotEmpty()) Answers(state.answers)
                }
            } else {
                Row(horizontalArrangement = Arrangement.spacedBy(24.dp)) {
                    Plane(state.answers.lastOrNull(), state.answers, Modifier.weight(1f))
                    Answers(state.answers, Modifier.weight(1f))
                }
            }
        }
        if (state.runsOn.isNotEmpty()) {
            Text(stringResource(R.string.runs_on, state.runsOn), style = MaterialTheme.typography.bodySmall)
        }
    }
}

@Composable
private fun Status(state: DemoState) {
    val line = when {
        state.fault != null -> state.fault
        state.doing == Doing.LOADING -> stringResource(R.string.loading)
        state.doing == Doing.MICROPHONE && state.answers.isEmpty() -> stringResource(R.string.waiting)
        state.doing == Doing.SONG && state.progress != null ->
            stringResource(R.string.analyzing, state.title, (100 * state.progress).toInt())
        state.title.isNotEmpty() && state.answers.isNotEmpty() -> state.title
        state.answers.isEmpty() -> stringResource(R.string.hint, state.clipSeconds)
        else -> return
    }
    val color = if (state.fault != null) MaterialTheme.colorScheme.error else MaterialTheme.colorScheme.onSurface
    // Read out when it changes: what went wrong must not only be seen.
    Text(line, color = color, modifier = Modifier.semantics { liveRegion = LiveRegionMode.Polite })
    if (state.doing == Doing.SONG) {
        state.progress?.let { share -> LinearProgressIndicator(progress = { share }, modifier = Modifier.fillMaxWidth()) }
            ?: LinearProgressIndicator(modifier = Modifier.fillMaxWidth())
    }
}

@Composable
private fun Answers(answers: List<Emotion>, modifier: Modifier = Modifier) {
    Column(modifier, verticalArrangement = Arrangement.spacedBy(12.dp)) {
        answers.lastOrNull()?.let { Answer(it) }
        if (answers.size > 1) Trajectory(answers, Modifier.fillMaxWidth())
    }
}

@Composable
private fun Answer(answer: Emotion) {
    Column {
        Text(wordsOf(answer), style = MaterialTheme.typography.headlineSmall)
        if (!answer.silent) Values(answer)
        Text(
            stringResource(R.string.times, answer.start.toInt(), answer.end.toInt(), answer.inferenceMs),
            style = MaterialTheme.typography.bodySmall,
        )
    }
}

@Composable
private fun Values(answer: Emotion) {
    Text(stringResource(R.string.answer, answer.valence, answer.arousal))
    answer.interval?.let {
        Text(
            stringResource(
                R.string.interval, (100 * it.coverage).toInt(), it.valence.low, it.valence.high, it.arousal.low, it.arousal.high,
            ),
        )
    }
}

/** What can be said of an answer, in the user's language; the same rule as `Emotion.words`. */
@Composable
fun wordsOf(answer: Emotion): String {
    val valence = answer.valenceSide
    val arousal = answer.arousalSide
    if (answer.silent) return stringResource(R.string.silent)
    if (valence == Side.NEUTRAL && arousal == Side.NEUTRAL) return stringResource(R.string.neutral)
    return stringResource(
        R.string.feeling,
        wordOf(valence, stringResource(R.string.pleasant), stringResource(R.string.unpleasant)),
        wordOf(arousal, stringResource(R.string.energetic), stringResource(R.string.calm)),
    )
}

@Composable
private fun wordOf(side: Side, high: String, low: String): String = when (side) {
    Side.HIGH -> high
    Side.LEANING_HIGH -> stringResource(R.string.leaning, high)
    Side.NEUTRAL -> stringResource(R.string.neutral)
    Side.LEANING_LOW -> stringResource(R.string.leaning, low)
    Side.LOW -> low
}
