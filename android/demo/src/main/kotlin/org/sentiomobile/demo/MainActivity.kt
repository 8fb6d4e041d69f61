package org.sentiomobile.demo

import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import androidx.activity.viewModels
import androidx.compose.runtime.getValue
import androidx.lifecycle.compose.collectAsStateWithLifecycle

/** The one activity. */
class MainActivity : ComponentActivity() {
    private val model: DemoViewModel by viewModels()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        setContent {
            val state by model.state.collectAsStateWithLifecycle()
            SentioTheme {
                DemoScreen(
                    state = state,
                    onSong = model::predict,
                    onMicrophone = model::listen,
                    onStop = model::stop,
                    onBenchmark = model::benchmark,
                )
            }
        }
    }

    override fun onStop() {
        super.onStop()
        // Rotation is no leaving.
        if (!isChangingConfigurations) model.leave()
    }
}
