package org.sentiomobile.demo

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

/** The screens, each with its place in the bar. */
enum class Tab(val label: Int, val icon: Int) {
    LISTEN(R.string.tab_listen, R.drawable.ic_plane),
    LIBRARY(R.string.tab_library, R.drawable.ic_library),
    BENCHMARK(R.string.tab_benchmark, R.drawable.ic_speed),
}

/** All screens, and the bar to change between them; [first] is shown at the start. */
@Composable
fun DemoScreen(state: DemoState, actions: DemoActions, first: Tab = Tab.LISTEN) {
    var tab by rememberSaveable { mutableStateOf(first) }
    Scaffold(
        bottomBar = {
            NavigationBar {
                Tab.entries.forEach { each ->
                    NavigationBarItem(
                        selected = tab == each,
                        onClick = { tab = each },
                        icon = { Icon(painterResource(each.icon), contentDescription = null) },
                        label = { Text(stringResource(each.label)) },
                    )
                }
            }
        },
    ) { inside ->
        val modifier = Modifier.padding(inside)
        when (tab) {
            Tab.LISTEN -> ListenScreen(state, actions, modifier)
            Tab.LIBRARY -> LibraryScreen(state, actions, modifier)
            Tab.BENCHMARK -> BenchmarkScreen(state, actions, modifier)
        }
    }
}
