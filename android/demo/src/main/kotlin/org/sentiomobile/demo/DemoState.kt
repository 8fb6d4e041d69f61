package org.sentiomobile.demo

import android.net.Uri
import org.sentiomobile.core.BenchmarkReport
import org.sentiomobile.core.Emotion
import org.sentiomobile.core.library.LibraryRow
import org.sentiomobile.library.LibraryState

/** Timed runs on each processor. */
const val RUNS = 50

/** What the demo does at this moment. */
enum class Doing { LOADING, NOTHING, SONG, MICROPHONE, BENCHMARK }

/**
 * All that is on screen; it outlives rotation.
 *
 * @property doing what goes on.
 * @property clipSeconds how much sound an answer is about.
 * @property runsOn runtime and processor in words, empty until the model is loaded.
 * @property title the song, while it is analyzed.
 * @property progress of a song or a benchmark, from 0 to 1; null where it is not known.
 * @property answers the song's, or the microphone's newest, in order.
 * @property fault one line on what went wrong; null where nothing did.
 * @property report what the benchmark found; null before it ran.
 * @property reportFile where its JSON lies.
 * @property library how the analysis of all music goes; null where it was never started.
 * @property songs what is known of that music, the newest first.
 */
data class DemoState(
    val doing: Doing = Doing.LOADING,
    val clipSeconds: Int = 30,
    val runsOn: String = "",
    val title: String = "",
    val progress: Float? = null,
    val answers: List<Emotion> = emptyList(),
    val fault: String? = null,
    val report: BenchmarkReport? = null,
    val reportFile: String? = null,
    val library: LibraryState? = null,
    val songs: List<LibraryRow> = emptyList(),
)

/** What the user may ask of the demo. */
interface DemoActions {
    /** Analyze a song, a window each second. */
    fun predict(uri: Uri)

    /** Listen until [stop]; the permission was given. */
    fun listen()

    /** Time the model on each processor, and write what was found as JSON. */
    fun benchmark()

    /** End what is being done; answers stay. The library is none of it. */
    fun stop()

    /** Analyze all music in the background; the permission was given. */
    fun startLibrary()

    /** End that; what was done is kept. */
    fun cancelLibrary()
}
