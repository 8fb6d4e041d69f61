package org.sentiomobile.demo

import android.os.Bundle
import android.view.WindowManager
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.enableEdgeToEdge
import androidx.activity.viewModels
import androidx.compose.runtime.getValue
import androidx.lifecycle.compose.collectAsStateWithLifecycle

/** In the intent that starts the app: whether it is to measure at once, as `sentio-mobile benchmark --adb` asks. */
private const val BENCHMARK = "benchmark"

/** The one activity. */
class MainActivity : ComponentActivity() {
    private val model: DemoViewModel by viewModels()

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        val measures = intent.getBooleanExtra(BENCHMARK, false)
        // Rotation makes the activity anew, and is no second question.
        if (measures && savedInstanceState == null) {
            window?.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
            model.benchmark()
        }
        setContent {
            val state by model.state.collectAsStateWithLifecycle()
            SentioTheme {
                DemoScreen(state, model, if (measures) Tab.BENCHMARK else Tab.LISTEN)
            }
        }
    }

    override fun onStop() {
        super.onStop()
        // Rotation is no leaving.
        if (!isChangingConfigurations) model.leave()
    }
}
