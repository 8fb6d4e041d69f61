package org.sentiomobile.core

import java.time.Instant
import java.time.temporal.ChronoUnit
import kotlin.math.ceil
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive

/**
 * How fast and how right a model is on one processor of this device.
 *
 * @property runsOn runtime, processor and threads in words.
 * @property artifact which artifact was run.
 * @property files SHA-256, in hexadecimal, of each of its files.
 * @property warmUp how many runs came before the timed ones.
 * @property milliseconds of each timed run, from PCM to answer, in the order in which they were made.
 * @property goldenDistance how far answers are from the golden ones, at most.
 */
public class Benchmark internal constructor(
    public val runsOn: String,
    public val artifact: String,
    public val files: Map<String, String>,
    public val warmUp: Int,
    public val milliseconds: List<Double>,
    public val goldenDistance: Double,
) {
    /** The time that a share of all runs did not exceed, in milliseconds; [share] is above 0, up to 1. */
    public fun percentile(share: Double): Double {
        require(share > 0 && share <= 1) { "a share of $share" }
        return milliseconds.sorted()[ceil(share * milliseconds.size).toInt() - 1]
    }

    internal fun toMap(): Map<String, Any?> = linkedMapOf(
        "artifact" to artifact,
        "files" to files,
        "runs_on" to runsOn,
        "warm_up" to warmUp,
        "milliseconds" to milliseconds,
        "golden_max_diff" to goldenDistance,
    )
}

/**
 * What measured.
 *
 * @property maker who makes it.
 * @property model what it is called.
 * @property system its system with the version.
 * @property isEmulator whether it has the speed of the computer that it runs on.
 */
public data class Device(val maker: String, val model: String, val system: String, val isEmulator: Boolean)

/**
 * What was measured on a device, on all its processors.
 *
 * @property model name and release of the model.
 * @property measured the processors that gave the golden answers.
 * @property passedOver the others, each with the reason.
 */
public class BenchmarkReport(
    public val model: String,
    public val measured: List<Benchmark>,
    public val passedOver: List<String>,
) {
    /**
     * A JSON object, of the form that `sentio-mobile benchmark --android-results` reads.
     *
     * @param device what it was measured on.
     * @param at when it was measured.
     */
    public fun toJson(device: Device, at: Instant = Instant.now()): String = Json.write(
        linkedMapOf(
            "schema" to 1,
            "tool" to "the Android demo",
            "model" to model,
            "device" to linkedMapOf(
                "kind" to if (device.isEmulator) "emulator" else "phone",
                "maker" to device.maker,
                "model" to device.model,
                "system" to device.system,
            ),
            "measured_at" to at.truncatedTo(ChronoUnit.SECONDS).toString(),
            "measured" to measured.map { it.toMap() },
            "passed_over" to passedOver,
        ),
    )
}

/**
 * Check the golden vectors, then time whole analyses of a clip that is already at the model's rate.
 *
 * @param runs how many are timed, 50 or more, lest the 99th percentile be a guess.
 * @param warmUp how many come before, untimed.
 * @param progress is told the share of the work that is done, from 0 to 1.
 */
public suspend fun Sentio.benchmark(runs: Int = 50, warmUp: Int = 5, progress: (Float) -> Unit = {}): Benchmark {
    require(runs >= 50) { "$runs runs; 50 or more tell something" }
    require(warmUp >= 1) { "$warmUp runs to warm up" }
    val distance = checkDevice()
    val clip = golden().clip(0)
    val times = ArrayList<Double>(runs)
    for (run in 0 until warmUp + runs) {
        currentCoroutineContext().ensureActive()
        val took = predict(clip, spec.audio.sampleRate).inferenceMs
        if (run >= warmUp) times += took
        progress((run + 1f) / (warmUp + runs))
    }
    val files = manifest.filesOf(runsOn.artifact).associateWith(manifest.hashes::getValue)
    return Benchmark(runsOn.description, runsOn.artifact.toString(), files, warmUp, times, distance)
}
