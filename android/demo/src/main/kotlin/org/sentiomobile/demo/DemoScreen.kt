package org.sentiomobile.demo

import android.net.Uri
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.Icon
import androidx.compose.material3.NavigationBar
import androidx.compose.material3.NavigationBarItem
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.saveable.rememberSaveable
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.painterResource
import androidx.compose.ui.res.stringResource

/** Both screens, and the bar to change between them; [benchmarkFirst] says which one is shown at the start. */
@Composable
fun DemoScreen(
    state: DemoState,
    benchmarkFirst: Boolean,
    onSong: (Uri) -> Unit,
    onMicrophone: () -> Unit,
    onStop: () -> Unit,
    onBenchmark: () -> Unit,
) {
    var benchmark by rememberSaveable { mutableStateOf(benchmarkFirst) }
    Scaffold(
        bottomBar = {
            NavigationBar {
                NavigationBarItem(
                    selected = !benchmark,
                    onClick = { benchmark = false },
                    icon = { Icon(painterResource(R.drawable.ic_plane), contentDescription = null) },
                    label = { Text(stringResource(R.string.tab_listen)) },
                )
                NavigationBarItem(
                    selected = benchmark,
                    onClick = { benchmark = true },
                    icon = { Icon(painterResource(R.drawable.ic_speed), contentDescription = null) },
                    label = { Text(stringResource(R.string.tab_benchmark)) },
                )
            }
        },
    ) { inside ->
        val modifier = Modifier.padding(inside)
        if (benchmark) {
            BenchmarkScreen(state, onBenchmark, onStop, modifier)
        } else {
            ListenScreen(state, onSong, onMicrophone, onStop, modifier)
        }
    }
}
