package org.sentiomobile.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.log10
import kotlin.math.sin
import kotlin.math.sqrt
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.audio.PcmBlock
import org.sentiomobile.core.audio.PcmEncoding
import org.sentiomobile.core.audio.Resampler
import org.sentiomobile.core.audio.downmix
import org.sentiomobile.core.audio.mono

internal fun tone(hz: Double, at: Int, rate: Int): Float = (0.5 * sin(2 * PI * hz * at / rate)).toFloat()

class AudioTest {
    private fun resample(pcm: FloatArray, from: Int, to: Int, block: Int = 4096): FloatArray {
        val resampler = Resampler(from, to)
        val parts = (pcm.indices step block).map { resampler.add(pcm.copyOfRange(it, minOf(it + block, pcm.size))) }
        return (parts + resampler.finish()).fold(FloatArray(0), FloatArray::plus)
    }

    /** The middle: at both ends a tone begins out of nothing. */
    private fun inner(pcm: FloatArray): IntRange = pcm.size / 4..pcm.size * 3 / 4

    @Test
    fun `tones come out as they went in, and in time`() {
        for (from in listOf(8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 44_099, 37_201)) {
            val highest = 0.9 * minOf(from, 22_050) / 2
            for (hz in listOf(50.0, 440.0, 3_000.0, highest).filter { it <= highest }) {
                val out = resample(FloatArray(from / 2) { tone(hz, it, from) }, from, 22_050)
                assertEquals(11_025.0, out.size.toDouble(), 1.0, "$from Hz")
                val worst = inner(out).maxOf { abs(out[it] - tone(hz, it, 22_050)) } / 0.5
                // 0.01 dB are 0.00115 of the amplitude.
                assertTrue(worst < 1.15e-3, "$hz Hz from $from Hz: off by $worst of its amplitude")
            }
        }
    }

    @Test
    fun `what the new rate cannot hold does not come back`() {
        for (from in listOf(32_000, 44_100, 48_000, 96_000, 192_000, 44_099)) {
            for (hz in listOf(11_050.0, 11_200.0, 11_600.0, 13_000.0, 15_900.0, 22_000.0, 40_000.0).filter { it < from / 2.0 }) {
                val out = resample(FloatArray(from / 2) { tone(hz, it, from) }, from, 22_050)
                val rms = sqrt(inner(out).sumOf { out[it].toDouble() * out[it] } / inner(out).count())
                val decibels = 20 * log10(rms / (0.5 / sqrt(2.0)) + 1e-12)
                assertTrue(decibels < -80, "$hz Hz from $from Hz: $decibels dB")
            }
        }
    }

    @Test
    fun `blocks of any size give the same samples`() {
        for (from in listOf(8_000, 22_050, 48_000, 44_099)) {
            val pcm = FloatArray(5_000) { tone(440.0, it, from) + ((it * 7919) % 101) / 500f }
            val whole = resample(pcm, from, 22_050, pcm.size)
            for (block in listOf(1, 7, 640, 4_999)) assertContentEquals(whole, resample(pcm, from, 22_050, block), "$from Hz")
        }
    }

    @Test
    fun `a constant stays one, and short sounds keep their length`() {
        val out = resample(FloatArray(20_000) { 0.25f }, 48_000, 22_050)
        assertTrue(inner(out).all { abs(out[it] - 0.25f) < 1e-6f })
        for ((size, wanted) in listOf(1 to 0, 2 to 1, 3 to 1, 100 to 46)) {
            assertEquals(wanted, resample(FloatArray(size), 48_000, 22_050).size)
        }
        assertEquals(0, resample(FloatArray(0), 48_000, 22_050).size)
    }

    @Test
    fun `channels are mixed by their mean, eight of them too`() {
        assertContentEquals(floatArrayOf(1.5f, -2f), downmix(floatArrayOf(1f, 2f, -3f, -1f), 2))
        val surround = FloatArray(3 * 8) { frame -> (frame / 8 + 1) * (frame % 8).toFloat() }
        assertContentEquals(floatArrayOf(3.5f, 7f, 10.5f), downmix(surround, 8))
        assertFailsWith<IllegalArgumentException> { PcmBlock(FloatArray(7), 44_100, 2) }
    }

    @Test
    fun `samples of every encoding have full scale at 1`() {
        val whole = listOf(0x00, 0x40, 0x7F, 0x80, 0xC0, 0xFF, 0x00, 0x00, 0xBF, 0x80, 0x00, 0x00)
        val bytes = whole.map { it.toByte() }.toByteArray()
        fun decode(encoding: PcmEncoding, order: ByteOrder) = encoding.decode(ByteBuffer.wrap(bytes).order(order))
        val big = ByteOrder.BIG_ENDIAN
        assertEquals(listOf(-1f, -0.5f, -1 / 128f, 0f, 0.5f, 127 / 128f), decode(PcmEncoding.UNSIGNED_8, big).take(6))
        assertEquals(listOf(64 / 32768f, 0x7F80 / 32768f, -0x3F01 / 32768f), decode(PcmEncoding.SIGNED_16, big).take(3))
        assertEquals(0x4000 / 32768f, decode(PcmEncoding.SIGNED_16, ByteOrder.LITTLE_ENDIAN)[0])
        assertEquals(listOf(0x407F / 8388608f, (0x80C0FF - 0x1000000) / 8388608f), decode(PcmEncoding.SIGNED_24, big).take(2))
        assertEquals(0x7F4000 / 8388608f, decode(PcmEncoding.SIGNED_24, ByteOrder.LITTLE_ENDIAN)[0])
        assertEquals(-0x40800000 / 2147483648f, decode(PcmEncoding.SIGNED_32, big)[2])
        assertEquals(-1f, decode(PcmEncoding.FLOAT, big)[2])
        assertEquals(3, PcmEncoding.SIGNED_16.decode(ByteBuffer.wrap(bytes, 0, 7)).size)
    }

    @Test
    fun `surround at 48 kHz becomes mono at the model's rate`() {
        val song = FakeSong(1.0, 48_000, channels = 8, block = 1000) { frame, channel ->
            tone(440.0, frame.toInt(), 48_000) * if (channel == 3) 8 else 0
        }
        val pcm = song.mono(22_050).flatMap { it.asSequence() }.toList().toFloatArray()
        assertEquals(22_050, pcm.size)
        assertTrue(inner(pcm).all { abs(pcm[it] - tone(440.0, it, 22_050)) < 1e-3 })
    }

    @Test
    fun `sound that is none is refused`() {
        fun fault(value: Float) = assertFailsWith<AudioError> {
            FakeSong(1.0) { frame, _ -> if (frame == 700L) value else 0f }.mono(RATE).toList()
        }.message!!
        assertTrue("not numbers" in fault(Float.NaN))
        assertTrue("not numbers" in fault(Float.NEGATIVE_INFINITY))
        assertTrue("full scale" in fault(2e9f))
        assertTrue("no rate of music" in assertFailsWith<AudioError> { FakeSong(9.0, 500).mono(RATE).toList() }.message!!)
    }

    @Test
    fun `a rate that changes in the middle is refused`() {
        val blocks = ArrayDeque(listOf(PcmBlock(FloatArray(10), 44_100), PcmBlock(FloatArray(10), 22_050)))
        val song = object : org.sentiomobile.core.audio.PcmSource {
            override val name = "song"
            override val seconds = null
            override fun read() = blocks.removeFirstOrNull()
            override fun close() = Unit
        }
        assertTrue("in the middle" in assertFailsWith<AudioError> { song.mono(22_050).toList() }.message!!)
    }
}
