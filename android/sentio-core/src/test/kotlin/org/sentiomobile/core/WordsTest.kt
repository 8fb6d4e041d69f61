package org.sentiomobile.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.sentiomobile.core.model.Uncertainty

class WordsTest {
    @Test
    fun `words are those that every language must say`() {
        val golden = Json.read(beside("../export/golden/words.json").readText()) as Map<*, *>
        assertEquals(golden["neutral_below"], Side.NEUTRAL_BELOW)
        val cases = (golden["cases"] as List<*>).map { it as Map<*, *> }
        assertTrue(cases.size >= 20)
        for (case in cases) {
            val known = (case["half_width"] as List<*>?)?.map { it as Double }?.let { Uncertainty(0.9, it[0], it[1], 40) }
            val silent = case["silent"] as Boolean
            val emotion = Emotion(
                "s", case["valence"] as Double, case["arousal"] as Double, 0.0, 30.0, known, silent = silent,
            )
            assertEquals(case["words"], emotion.words, "$case")
        }
    }

    @Test
    fun `sides for words in another language`() {
        val known = Uncertainty(0.9, 0.5, 0.5, 40)
        fun sides(valence: Double, arousal: Double) =
            Emotion("s", valence, arousal, 0.0, 30.0, known).let { it.valenceSide to it.arousalSide }
        assertEquals(Side.HIGH to Side.LOW, sides(0.75, -0.75))
        assertEquals(Side.LEANING_LOW to Side.LEANING_HIGH, sides(-0.25, 0.25))
        assertEquals(Side.NEUTRAL to Side.NEUTRAL, sides(0.01, -0.01))
    }
}
