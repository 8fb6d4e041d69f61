package org.sentiomobile.core

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.flow.count
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.SentioException.Damaged

class SentioTest {
    @Test
    fun `a clip's answer has its time, its words and its interval`() = testing {
        val known = mapOf("coverage" to 0.9, "half_width" to listOf(0.25, 0.5), "songs" to 40)
        val sentio = openFake(FakeFactory { _, _ -> floatArrayOf(-0.9f, 0.25f) }) { manifestOf(it, uncertainty = known) }
        val answer = sentio.predict(FloatArray(2_000), RATE, song = "a song")
        assertEquals("a song", answer.song)
        assertEquals(0.0 to 2.0, answer.start to answer.end)
        assertEquals(1.0, answer.time)
        assertEquals("unpleasant, energetic", answer.quadrant.words)
        val interval = assertNotNull(answer.interval)
        assertEquals(-1.0, interval.valence.low, "cut at the scale's end")
        assertEquals(-0.65, interval.valence.high, 1e-6)
        assertEquals(0.75, interval.arousal.high, 1e-6)
        assertEquals(0.9, interval.coverage)
        assertTrue(answer.inferenceMs >= 0)
        assertNull(openFake().predict(FloatArray(5), RATE).interval)
    }

    @Test
    fun `only the first clip is heard, and no more is read`() = testing {
        val sentio = openFake()
        val song = FakeSong(600.0)
        val answer = sentio.predict(song)
        assertEquals(2_999 % 997 / 1000.0, answer.arousal, 1e-6)
        assertEquals(3.0, answer.end)
        assertTrue(song.closed)
        assertTrue(song.read <= 3_500, "${song.read} frames of 600 s were read")
        val resampled = FakeSong(600.0, 48_000, 2)
        sentio.predict(resampled)
        assertTrue(resampled.read <= 4 * 48_000, "${resampled.read}")
    }

    @Test
    fun `8 kHz, stereo and 7_1 are heard like mono at the model's rate`() = testing {
        val sentio = openFake(FakeFactory { _, input -> floatArrayOf(input[1500], input[1501]) })
        for (rate in listOf(8_000, 48_000, 192_000)) {
            for (channels in listOf(1, 2, 8)) {
                val pcm = FloatArray(4 * rate * channels) { tone(100.0, it / channels, rate) }
                val answer = sentio.predict(pcm, rate, channels)
                assertTrue(abs(answer.valence - tone(100.0, 1500, RATE)) < 1e-3)
                assertTrue(abs(answer.arousal - tone(100.0, 1501, RATE)) < 1e-3)
            }
        }
    }

    @Test
    fun `unusable sound and answers that are no numbers are told`() {
        val sentio = openFake()
        assertContains(assertFailsWith<AudioError> { soon { sentio.predict(FloatArray(0), RATE) } }.message!!, "no samples")
        assertFailsWith<AudioError> { soon { sentio.predict(FloatArray(9) { Float.NaN }, RATE) } }
        assertFailsWith<AudioError> { soon { sentio.trajectory(FakeSong(0.0)).toList() } }
        assertFailsWith<IllegalArgumentException> { soon { sentio.predict(FloatArray(9), RATE, 2) } }
        for (answer in listOf(floatArrayOf(Float.NaN, 0f), floatArrayOf(0f, Float.POSITIVE_INFINITY), floatArrayOf(0f))) {
            val broken = openFake(FakeFactory { _, _ -> answer })
            assertFailsWith<Damaged> { soon { broken.predict(FloatArray(9), RATE) } }
        }
    }

    @Test
    fun `short clips are looped where the model says so`() = testing {
        val looped = openFake(manifest = { manifestOf(it, shortClip = "loop") })
        assertEquals(0.5, looped.predict(floatArrayOf(0.25f, 0.5f), RATE).arousal)
        assertEquals(0.0, openFake().predict(floatArrayOf(0.25f, 0.5f), RATE).arousal)
    }

    @Test
    fun `a spectrogram model is fed the picture`() = testing {
        val sizes = ArrayList<Int>()
        val factory = FakeFactory { _, input -> floatArrayOf(input[0], input[24]).also { sizes += input.size } }
        val sentio = openFake(factory) { manifestOf(it, form = "spectrogram") }
        val answer = sentio.predict(FloatArray(3_000), RATE)
        assertEquals(listOf(3 * 4 * 6), sizes)
        assertEquals((0 - 0.5) / 0.2, answer.valence, 1e-5)
    }

    @Test
    fun `a trajectory has a window each second`() = testing {
        val song = FakeSong(10.0)
        val answers = openFake().trajectory(song, 1.0).toList()
        assertEquals(listOf(0.0, 0.992, 2.0, 2.992, 4.0, 4.992, 6.0, 6.992), answers.map { it.start })
        assertTrue(answers.all { abs(it.end - it.start - 3.0) < 1e-9 })
        assertTrue(song.closed)
    }

    @Test
    fun `a song that breaks in the middle gives what was heard before`() = testing {
        repeat(20) {
            val song = FakeSong(60.0) { frame, _ -> if (frame < 30_000) 0f else throw AudioError("song: is cut") }
            val kept = ArrayList<Emotion>()
            assertFailsWith<AudioError> { openFake().trajectory(song, 1.0).collect { kept += it } }
            assertEquals(28, kept.size)
            assertTrue(song.closed)
        }
    }

    @Test
    fun `the answer of a pooled model is the mean over the whole song`() = testing {
        val sentio = openFake { manifestOf(it, pooling = "mean") }
        val answer = sentio.predict(FakeSong(9.5) { frame, _ -> (frame / 3_000) / 10f })
        // Starts are rounded down to the hop: 0, 2.992 and 6 s.
        assertEquals(0.0 to 9.0, answer.start to answer.end)
        assertEquals((0.0 + 0.0 + 0.2) / 3, answer.valence, 1e-6)
        assertEquals((0.0 + 0.1 + 0.2) / 3, answer.arousal, 1e-6)
    }

    @Test
    fun `ten minutes of surround sound pass in bounded memory`() = testing {
        val song = FakeSong(600.0, 48_000, channels = 6, block = 8_192)
        assertEquals(200, openFake().trajectory(song, 3.0).count())
        // Decoded it is 691 MB; the tests' heap is smaller.
        assertTrue(Runtime.getRuntime().maxMemory() < 400L shl 20, "give the tests a heap of at most 384 MB")
    }

    @Test
    fun `analyses at once are done one after another in order`() = testing {
        val begun = CountDownLatch(1)
        val factory = FakeFactory { _, input ->
            begun.countDown()
            Thread.sleep(30)
            floatArrayOf(input[0], input[0])
        }
        val sentio = openFake(factory)
        val order = ArrayList<Double>()
        val waiting = (0 until 6).map { number ->
            async(start = CoroutineStart.UNDISPATCHED) {
                val answer = sentio.predict(FloatArray(RATE) { number / 10f }, RATE)
                order += answer.valence
                assertEquals(number / 10.0, answer.valence, 1e-6)
            }.also { begun.await(10, TimeUnit.SECONDS) }
        }
        waiting.awaitAll()
        assertEquals(order.sorted(), order)
        assertEquals(6, factory.runs.get())
    }

    @Test
    fun `trajectories and analyses take turns`() = testing {
        val sentio = openFake(FakeFactory { _, input -> floatArrayOf(input[0], input[0]).also { Thread.sleep(1) } })
        val work = (0 until 4).map { async(Dispatchers.Default) { sentio.trajectory(FakeSong(8.0), 0.5).count() } } +
            (0 until 4).map { async(Dispatchers.Default) { sentio.predict(FakeSong(8.0)).let { 1 } } }
        assertEquals(listOf(11, 11, 11, 11, 1, 1, 1, 1), work.awaitAll())
    }

    @Test
    fun `cancelling stops reading and closes the song`() = testing {
        val song = FakeSong(1e7)
        val sentio = openFake { manifestOf(it, pooling = "mean") }
        val work = launch(Dispatchers.Default) { sentio.predict(song) }
        while (song.read < 100_000) Thread.yield()
        work.cancel(CancellationException("enough"))
        work.join()
        assertTrue(song.closed)
        assertTrue(song.read < 10_000_000_000)
        val other = FakeSong(1e7)
        openFake().trajectory(other, 1.0).first()
        assertTrue(other.closed)
    }

    @Test
    fun `closing waits for the answer that is being worked on`() = testing {
        val begun = CountDownLatch(1)
        val release = CountDownLatch(1)
        val factory = FakeFactory { _, input ->
            begun.countDown()
            release.await(10, TimeUnit.SECONDS)
            floatArrayOf(input[0], 0f)
        }
        val sentio = openFake(factory)
        val first = async(Dispatchers.Default) { sentio.predict(FloatArray(9), RATE) }
        begun.await(10, TimeUnit.SECONDS)
        val second = async(Dispatchers.Default) { runCatching { sentio.predict(FloatArray(9), RATE) } }
        sentio.close()
        assertEquals(0, factory.closed.get())
        release.countDown()
        assertEquals(0.0, first.await().valence)
        assertTrue(second.await().exceptionOrNull() is IllegalStateException)
        sentio.close()
        assertFailsWith<IllegalStateException> { sentio.predict(FloatArray(9), RATE) }
        assertEquals(1, factory.closed.get())
    }

    @Test
    fun `quadrants have their words, zero counts as pleasant and energetic`() {
        fun words(valence: Double, arousal: Double) = Emotion("s", valence, arousal, 0.0, 1.0).quadrant.words
        assertEquals("pleasant, energetic", words(0.0, 0.0))
        assertEquals("pleasant, calm", words(0.1, -0.1))
        assertEquals("unpleasant, energetic", words(-0.1, 0.1))
        assertEquals("unpleasant, calm", words(-0.1, -0.1))
    }
}
