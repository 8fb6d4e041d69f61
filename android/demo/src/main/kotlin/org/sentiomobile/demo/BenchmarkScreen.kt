package org.sentiomobile.demo

import android.content.Intent
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
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
import androidx.compose.ui.platform.LocalContext
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.unit.dp
import java.io.File
import org.sentiomobile.core.Benchmark

/** Time the model on this phone, and hand the figures on. */
@Composable
fun BenchmarkScreen(state: DemoState, actions: DemoActions, modifier: Modifier = Modifier) {
    Column(
        modifier = modifier.fillMaxSize().verticalScroll(rememberScrollState()).padding(16.dp),
        verticalArrangement = Arrangement.spacedBy(12.dp),
    ) {
        Text(stringResource(R.string.benchmark_about, RUNS))
        if (state.doing == Doing.BENCHMARK) {
            Button(onClick = actions::stop) { Text(stringResource(R.string.stop)) }
            val share = state.progress ?: 0f
            Text(stringResource(R.string.benchmark_running, state.title, (100 * share).toInt()))
            LinearProgressIndicator(progress = { share }, modifier = Modifier.fillMaxWidth())
        } else {
            Button(onClick = actions::benchmark, enabled = state.doing == Doing.NOTHING) {
                Text(stringResource(R.string.benchmark_start))
            }
        }
        state.fault?.let { Text(it, color = MaterialTheme.colorScheme.error) }
        state.report?.let { report ->
            report.measured.forEach { Measured(it) }
            report.passedOver.forEach { Text(it, style = MaterialTheme.typography.bodySmall) }
        }
        state.reportFile?.let { Share(it) }
    }
}

@Composable
private fun Measured(found: Benchmark) {
    Column {
        Text(found.runsOn, style = MaterialTheme.typography.titleMedium)
        Text(stringResource(R.string.benchmark_times, found.percentile(0.5), found.percentile(0.9), found.percentile(0.99)))
        Text(
            stringResource(R.string.benchmark_golden, found.goldenDistance),
            style = MaterialTheme.typography.bodySmall,
        )
    }
}

@Composable
private fun Share(path: String) {
    val context = LocalContext.current
    Text(stringResource(R.string.benchmark_saved, path), style = MaterialTheme.typography.bodySmall)
    OutlinedButton(
        onClick = {
            val send = Intent(Intent.ACTION_SEND)
                .setType("application/json")
                .putExtra(Intent.EXTRA_TEXT, File(path).readText())
            context.startActivity(Intent.createChooser(send, null))
        },
    ) { Text(stringResource(R.string.benchmark_share)) }
}
