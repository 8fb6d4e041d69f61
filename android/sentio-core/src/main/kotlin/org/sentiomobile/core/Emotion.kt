package org.sentiomobile.core

import java.math.BigDecimal
import java.math.RoundingMode
import kotlin.math.max
import kotlin.math.min
import org.sentiomobile.core.model.Uncertainty

/** Russell's quadrants (1980); from 0 on counts as pleasant, and as energetic. */
public enum class Quadrant(
    /** The quadrant in two words. */
    public val words: String,
) {
    PLEASANT_ENERGETIC("pleasant, energetic"),
    PLEASANT_CALM("pleasant, calm"),
    UNPLEASANT_ENERGETIC("unpleasant, energetic"),
    UNPLEASANT_CALM("unpleasant, calm"),
}

/**
 * Where a value lies with the probability that its model states.
 *
 * @property low the least, from -1 on.
 * @property high the greatest, up to 1.
 */
public data class Bounds(val low: Double, val high: Double)

/**
 * Intervals of both values, each by itself.
 *
 * @property coverage the probability that a song's value lies within, from 0 to 1, in the mean over songs like those that
 * it was measured on.
 */
public data class Interval(val valence: Bounds, val arousal: Bounds, val coverage: Double)

/**
 * How a stretch of sound feels.
 *
 * @property song what the sound is called.
 * @property valence from -1, unpleasant, to 1, pleasant; as the model says it.
 * @property arousal from -1, calm, to 1, energetic; as the model says it.
 * @property start where the stretch begins, in seconds.
 * @property end where it ends, in seconds.
 * @property uncertainty how far the model may be off, where that was measured.
 * @property inferenceMs how long it took from PCM at the model's rate to this answer, in milliseconds.
 * @property silent whether nothing could be heard after mixing down: the values say nothing then.
 */
public data class Emotion(
    val song: String,
    val valence: Double,
    val arousal: Double,
    val start: Double,
    val end: Double,
    val uncertainty: Uncertainty? = null,
    val inferenceMs: Double = 0.0,
    val silent: Boolean = false,
) {
    /** The middle of the stretch, in seconds. */
    val time: Double get() = (start + end) / 2

    /** Where the values lie with the probability that the model states; null where that was not measured. */
    val interval: Interval?
        get() = uncertainty?.let {
            Interval(around(valence, it.valence), around(arousal, it.arousal), it.coverage)
        }

    /** In which quarter of the plane the two values lie, however near to zero; people are shown `words`. */
    val quadrant: Quadrant
        get() = when {
            valence >= 0 -> if (arousal >= 0) Quadrant.PLEASANT_ENERGETIC else Quadrant.PLEASANT_CALM
            else -> if (arousal >= 0) Quadrant.UNPLEASANT_ENERGETIC else Quadrant.UNPLEASANT_CALM
        }

    /** A JSON object with the keys that every implementation writes; times in seconds, values rounded to six digits. */
    public fun toJson(): String {
        val interval = interval
        return Json.write(
            linkedMapOf(
                "song" to song,
                "start" to rounded(start),
                "end" to rounded(end),
                "time" to rounded(time),
                "valence" to rounded(valence),
                "arousal" to rounded(arousal),
                "valence_low" to interval?.valence?.low?.let(::rounded),
                "valence_high" to interval?.valence?.high?.let(::rounded),
                "arousal_low" to interval?.arousal?.low?.let(::rounded),
                "arousal_high" to interval?.arousal?.high?.let(::rounded),
                "coverage" to interval?.coverage,
                "quadrant" to quadrant.words,
                "scale" to listOf(-1, 1),
                "silent" to silent,
            ),
        )
    }

    private companion object {
        fun around(value: Double, half: Double): Bounds = Bounds(max(-1.0, value - half), min(1.0, value + half))

        fun rounded(value: Double): Double = BigDecimal(value).setScale(6, RoundingMode.HALF_EVEN).toDouble()
    }
}
