package org.sentiomobile.core

import kotlin.math.abs

/** What can be said of a value: on which side of zero it lies, as far as its interval allows. */
public enum class Side {
    /** Zero lies below the interval: pleasant, or energetic. */
    HIGH,

    /** The value is high, and its interval holds zero. */
    LEANING_HIGH,

    /** The value is near zero, and its interval does not leave zero out. */
    NEUTRAL,

    /** The value is low, and its interval holds zero. */
    LEANING_LOW,

    /** Zero lies above the interval: unpleasant, or calm. */
    LOW,
    ;

    internal companion object {
        /** The cases in `export/golden/words.json` hold this rule in every language. */
        fun of(value: Double, halfWidth: Double?): Side {
            val known = halfWidth != null && abs(value) > halfWidth
            return when {
                abs(value) < NEUTRAL_BELOW && !known -> NEUTRAL
                known || halfWidth == null -> if (value > 0) HIGH else LOW
                else -> if (value > 0) LEANING_HIGH else LEANING_LOW
            }
        }

        /** Distance from zero under which a value is neutral, unless its interval leaves out zero. */
        const val NEUTRAL_BELOW = 0.1
    }
}

/** What can be said of the valence; for words in another language than English. */
public val Emotion.valenceSide: Side get() = Side.of(valence, uncertainty?.valence)

/** What can be said of the arousal. */
public val Emotion.arousalSide: Side get() = Side.of(arousal, uncertainty?.arousal)

/** What can be said in English, such as "leaning pleasant, calm": no side that the interval leaves open. */
public val Emotion.words: String
    get() = when {
        silent -> "silent"
        valenceSide == Side.NEUTRAL && arousalSide == Side.NEUTRAL -> "neutral"
        else -> "${word(valenceSide, "pleasant", "unpleasant")}, ${word(arousalSide, "energetic", "calm")}"
    }

private fun word(side: Side, high: String, low: String): String = when (side) {
    Side.HIGH -> high
    Side.LEANING_HIGH -> "leaning $high"
    Side.NEUTRAL -> "neutral"
    Side.LEANING_LOW -> "leaning $low"
    Side.LOW -> low
}
