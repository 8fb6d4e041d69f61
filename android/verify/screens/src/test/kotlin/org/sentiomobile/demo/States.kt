package org.sentiomobile.demo

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin
import org.sentiomobile.core.Benchmark
import org.sentiomobile.core.BenchmarkReport
import org.sentiomobile.core.Emotion
import org.sentiomobile.core.library.LibraryProgress
import org.sentiomobile.core.library.LibraryRow
import org.sentiomobile.core.model.Uncertainty
import org.sentiomobile.library.LibraryState

/** What the demo can be found in, by name. */
internal val STATES: Map<String, DemoState> = linkedMapOf(
    "loading" to DemoState(),
    "idle" to idle(),
    "analyzing" to idle().copy(
        doing = Doing.SONG,
        title = "03 - Antonín Dvořák - Symphony No. 9 in E minor, From the New World, Largo (Remastered).flac",
        progress = 0.37f,
        answers = song(67),
    ),
    "waiting" to idle().copy(doing = Doing.MICROPHONE),
    "listening" to idle().copy(doing = Doing.MICROPHONE, answers = song(120).map { it.copy(song = "live sound") }),
    "result" to idle().copy(title = "Largo.flac", answers = song(181)),
    "one answer" to idle().copy(title = "short.ogg", answers = song(1).map { it.copy(valence = -0.97, arousal = -0.99) }),
    "silent" to idle().copy(title = "silence.wav", answers = song(40).map { it.copy(valence = 0.0, arousal = 0.0, silent = true) }),
    "error" to idle().copy(
        fault = "Symphony No. 9.m4a: cannot be decoded (Failed to allocate component instance); choose another file",
    ),
    "no model" to DemoState(
        doing = Doing.NOTHING,
        fault = "emotion-mobilevit-v1-waveform-fp32.tflite is not the file that manifest.json was written for; install the app again",
    ),
)

/** Those of the second screen. */
internal val BENCHMARKS: Map<String, DemoState> = linkedMapOf(
    "benchmark idle" to idle(),
    "benchmark running" to idle().copy(
        doing = Doing.BENCHMARK, title = "LiteRT on the GPU", progress = 0.42f,
    ),
    "benchmark" to idle().copy(
        report = BenchmarkReport(
            "emotion 1",
            listOf(
                benchmark("LiteRT on the CPU with XNNPACK, 4 threads", 31.0),
                benchmark("ONNX Runtime on the CPU, 4 threads", 33.0),
            ),
            listOf("GPU: answers are off from the golden ones by 0.034, more than 0.01", "NNAPI: this phone has none"),
        ),
        reportFile = "/storage/emulated/0/Android/data/org.sentiomobile.demo/files/phone.json",
    ),
    "benchmark error" to idle().copy(fault = "No room for the report: write failed, ENOSPC (No space left on device)"),
)

/** Those of the library. */
internal val LIBRARIES: Map<String, DemoState> = linkedMapOf(
    "library new" to idle(),
    "library waiting" to idle().copy(library = LibraryState(running = false, ended = false, progress = null, fault = null)),
    "library running" to idle().copy(
        library = LibraryState(running = true, ended = false, LibraryProgress(1_234, 57, 10_000, secondsLeft = 2_190.0), fault = null),
        songs = rows(),
    ),
    "library near its end" to idle().copy(
        library = LibraryState(running = true, ended = false, LibraryProgress(9_990, 500, 10_000, secondsLeft = 3.2), fault = null),
        songs = rows().take(2),
    ),
    "library done" to idle().copy(
        library = LibraryState(running = false, ended = true, LibraryProgress(9, 3, 9, secondsLeft = 0.0), fault = null),
        songs = rows(),
    ),
    "library stopped" to idle().copy(
        library = LibraryState(running = false, ended = true, progress = null, fault = null), songs = rows().take(3),
    ),
    "library without music" to idle().copy(
        library = LibraryState(running = false, ended = true, LibraryProgress(0, 0, 0), fault = null),
    ),
    "library error" to idle().copy(
        library = LibraryState(
            running = false, ended = true, progress = null,
            fault = "sentio-library.jsonl: write failed: ENOSPC (No space left on device)",
        ),
        songs = rows().take(1),
    ),
)

/** Songs of a library, the newest first. */
private fun rows(): List<LibraryRow> = listOf(
    row("Music/Dvořák/03 - Antonín Dvořák - Symphony No. 9 in E minor, From the New World, Largo (Remastered).flac", song(60).last()),
    row("Music/a.mp3", song(170).last()),
    row("Music/silence.wav", song(1).last().copy(silent = true)),
    row("Music/broken.m4a", fault = "broken.m4a: cannot be decoded (Failed to allocate component instance); choose another file"),
    row("Music/gone.ogg", fault = "external_primary/Music/gone.ogg: cannot be read (open failed: ENOENT); is it still there?"),
    row("Music/endless.mp3", fault = "external_primary/Music/endless.mp3: ended the app 3 times; convert it to another format"),
    row("Music/Ænima, Größe, Ωδή.mp3", song(120).last()),
    row("Music/b.mp3", song(90).last().copy(uncertainty = null)),
    row("Music/c.mp3", song(30).last()),
)

private fun row(path: String, answer: Emotion? = null, fault: String? = null) =
    LibraryRow("external_primary/$path", bytes = 1, modified = 1, model = "ab", tries = 1, answer, fault)

private fun idle() = DemoState(doing = Doing.NOTHING, runsOn = "LiteRT on the CPU with XNNPACK, 4 threads")

/** A song that begins calm and sad, and ends otherwise; made, not measured. */
private fun song(windows: Int): List<Emotion> = (0 until windows).map { at ->
    val share = at / 180.0
    Emotion(
        song = "Largo.flac",
        valence = -0.35 + 0.8 * share + 0.12 * sin(9 * PI * share),
        arousal = 0.5 * sin(2.2 * PI * share - 0.9) + 0.1 * cos(13 * PI * share),
        start = at.toDouble(),
        end = at + 30.0,
        uncertainty = Uncertainty(coverage = 0.9, valence = 0.31, arousal = 0.22, songs = 120),
        inferenceMs = 31.4,
    )
}

private fun benchmark(runsOn: String, base: Double) =
    Benchmark(runsOn, "tflite waveform fp32", emptyMap(), warmUp = 5, List(50) { base + 0.13 * it }, goldenDistance = 3.1e-6)
