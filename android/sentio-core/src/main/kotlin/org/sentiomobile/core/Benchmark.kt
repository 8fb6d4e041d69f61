package org.sentiomobile.core

import kotlin.math.ceil
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive

/**
 * How fast and how right a model is on one processor of this device.
 *
 * @property runsOn runtime, processor and threads in words.
 * @property artifact which artifact was run.
 * @property milliseconds of each timed run, from PCM to answer, in the order in which they were made.
 * @property goldenDistance how far answers are from the golden ones, at most.
 */
public class Benchmark internal constructor(
    public val runsOn: String,
    public val artifact: String,
    public val milliseconds: List<Double>,
    public val goldenDistance: Double,
) {
    /** The time that a share of all runs did not exceed, in milliseconds; [share] is above 0, up to 1. */
    public fun percentile(share: Double): Double {
        require(share > 0 && share <= 1) { "a share of $share" }
        return milliseconds.sorted()[ceil(share * milliseconds.size).toInt() - 1]
    }

    internal fun toMap(): Map<String, Any?> = linkedMapOf(
        "runs_on" to runsOn,
        "artifact" to artifact,
        "golden_max_diff" to goldenDistance,
        "runs" to milliseconds.size,
        "p50_ms" to percentile(0.5),
        "p90_ms" to percentile(0.9),
        "p99_ms" to percentile(0.99),
        "milliseconds" to milliseconds,
    )
}

/**
 * What was measured on a device, on all its processors.
 *
 * @property measured the processors that gave the golden answers.
 * @property passedOver the others, each with the reason.
 */
public class BenchmarkReport(public val measured: List<Benchmark>, public val passedOver: List<String>) {
    /** A JSON object; [device] says what it was measured on. */
    public fun toJson(device: Map<String, String>): String = Json.write(
        linkedMapOf("device" to device, "measured" to measured.map { it.toMap() }, "passed_over" to passedOver),
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
    return Benchmark(runsOn.description, runsOn.artifact.toString(), times, distance)
}
