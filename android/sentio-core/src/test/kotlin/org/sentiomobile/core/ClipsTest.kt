package org.sentiomobile.core

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.sentiomobile.core.audio.RingBuffer
import org.sentiomobile.core.audio.countWindows
import org.sentiomobile.core.audio.fit
import org.sentiomobile.core.audio.windows
import org.sentiomobile.core.model.AudioSpec
import org.sentiomobile.core.model.ShortClip

class ClipsTest {
    private val spec = AudioSpec(sampleRate = RATE, seconds = SECONDS, fftSize = 64, hop = HOP)

    private fun song(samples: Int, block: Int): Sequence<FloatArray> =
        (0 until samples).asSequence().map { it.toFloat() }.chunked(block) { it.toFloatArray() }

    @Test
    fun `windows hold the samples that they say`() {
        for (samples in listOf(1, 2_999, 3_000, 3_001, 3_016, 10_000)) {
            for (block in listOf(1, 333, 4_096, 20_000)) {
                for (every in listOf(0.016, 0.1, 1.0, 2.99, 3.0, 4.5)) {
                    val found = windows(song(samples, block), spec, every).toList()
                    assertEquals(countWindows(samples.toLong(), spec, every), found.size, "$samples samples, every $every s")
                    for (window in found) {
                        assertEquals(3_000, window.pcm.size)
                        assertEquals(minOf(samples, 3_000), window.heard)
                        assertEquals(0, window.start % HOP)
                        assertTrue((0 until window.heard).all { window.pcm[it] == (window.start + it).toFloat() })
                    }
                }
            }
        }
    }

    @Test
    fun `no sound gives no window, and too small a distance is refused`() {
        assertEquals(0, windows(emptySequence(), spec, 1.0).count())
        assertEquals(0, windows(sequenceOf(FloatArray(0), FloatArray(0)), spec, 1.0).count())
        for (every in listOf(0.0, -1.0, 0.0159, Double.NaN, Double.POSITIVE_INFINITY)) {
            assertFailsWith<IllegalArgumentException> { windows(emptySequence(), spec, every) }
        }
    }

    @Test
    fun `short clips are filled up by silence, or by themselves`() {
        val short = floatArrayOf(1f, 2f, 3f)
        val silent = fit(short, spec)
        assertEquals(3_000, silent.size)
        assertContentEquals(floatArrayOf(1f, 2f, 3f, 0f, 0f), silent.copyOf(5))
        assertTrue(silent.drop(3).all { it == 0f })
        val looped = fit(short, spec.copy(shortClip = ShortClip.LOOP))
        assertTrue(looped.indices.all { looped[it] == short[it % 3] })
        assertContentEquals(FloatArray(3_000) { it.toFloat() }, fit(FloatArray(5_000) { it.toFloat() }, spec))
        assertFailsWith<IllegalArgumentException> { fit(FloatArray(0), spec) }
    }

    @Test
    fun `a ring keeps the newest, however it is filled`() {
        for (block in listOf(1, 3, 7, 10, 11, 25, 100)) {
            val ring = RingBuffer(10)
            assertEquals(0, ring.newest().pcm.size)
            var written = 0
            while (written < 200) {
                ring.write(FloatArray(block) { (written + it).toFloat() })
                written += block
                val newest = ring.newest()
                assertEquals(written.toLong(), newest.end)
                assertEquals(written.toLong(), ring.heard)
                val size = minOf(written, 10)
                assertContentEquals(FloatArray(size) { (written - size + it).toFloat() }, newest.pcm)
            }
        }
    }
}
