package org.sentiomobile.demo

import org.sentiomobile.core.BenchmarkReport
import org.sentiomobile.core.Emotion

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
)
