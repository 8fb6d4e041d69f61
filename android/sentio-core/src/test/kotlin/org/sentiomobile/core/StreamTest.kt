package org.sentiomobile.core

import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import kotlin.math.roundToInt
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.count
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.SentioException.MicrophoneError
import org.sentiomobile.core.audio.PcmBlock

class StreamTest {
    /** Half seconds whose samples count up by a thousandth; [after] each of them something may be waited for. */
    private fun sound(blocks: Int, after: suspend (heard: Double) -> Unit = {}): Flow<PcmBlock> = flow {
        for (block in 0 until blocks) {
            emit(PcmBlock(FloatArray(500) { (block * 500 + it) / 1000f }, RATE))
            after((block + 1) / 2.0)
        }
    }

    @Test
    fun `answers come in order, each second, of the newest clip`() = testing {
        val collected = Channel<Unit>(Channel.UNLIMITED)
        val sentio = openFake()
        val answers = sentio.stream(sound(16) { if (it >= 2 && it % 1.0 == 0.0) collected.receive() }, every = 1.0, minimum = 2.0)
            .onEach { collected.send(Unit) }.toList()
        assertEquals(listOf(2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), answers.map { it.end })
        assertEquals(listOf(0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0), answers.map { it.start })
        // Each begins where it says: the ring has wrapped more than twice by the end.
        for (answer in answers) assertEquals(answer.start, answer.valence, 1e-6)
        assertEquals(0.0, answers[0].arousal, "what was not heard yet is silent")
        for (answer in answers.drop(1)) assertEquals(answer.end - 0.001, answer.arousal, 1e-5)
        assertTrue(answers.all { it.song == "live" })
    }

    @Test
    fun `pictures of live sound and of a song are those of its clips alone, and begin where frames do`() = testing {
        fun open() = openFake(
            FakeFactory { _, input -> floatArrayOf(input.average().toFloat(), input.max()) },
            { manifestOf(it, form = "spectrogram") },
        )
        fun samples(start: Double, end: Double): FloatArray {
            val first = (start * RATE).roundToInt()
            return FloatArray((end * RATE).roundToInt() - first) { (first + it) / 1000f }
        }
        val collected = Channel<Unit>(Channel.UNLIMITED)
        val sentio = open()
        val live = sentio.stream(sound(16) { if (it >= 2 && it % 1.0 == 0.0) collected.receive() }, every = 1.0, minimum = 2.0)
            .onEach { collected.send(Unit) }.toList()
        val song = sentio.trajectory(FakeSong(8.0) { frame, _ -> frame / 1000f }, every = 0.5).toList()
        assertEquals(7, live.size)
        assertEquals(11, song.size)
        for (answer in live + song) {
            assertEquals(0, (answer.start * RATE).roundToInt() % HOP, "$answer")
            val alone = open().predict(samples(answer.start, answer.end), RATE)
            assertEquals(alone.valence, answer.valence, "$answer")
            assertEquals(alone.arousal, answer.arousal, "$answer")
        }
        // What does not fill a clip that begins so is left for the next answer.
        for ((index, answer) in live.withIndex()) assertTrue(answer.end in index + 2 - HOP / 1000.0..index + 2.0, "$answer")
    }

    @Test
    fun `who is slow gets the newest, not a queue`() = testing {
        val begun = CountDownLatch(1)
        val release = CountDownLatch(1)
        val factory = FakeFactory { _, input ->
            begun.countDown()
            release.await(10, TimeUnit.SECONDS)
            floatArrayOf(input[0], 0f)
        }
        val answers = openFake(factory).stream(
            sound(200) { heard ->
                if (heard == 2.0) begun.await(10, TimeUnit.SECONDS)
                if (heard == 100.0) release.countDown()
            },
            every = 1.0,
            minimum = 2.0,
        ).toList()
        assertEquals(listOf(2.0, 100.0), answers.map { it.end })
        assertEquals(2, factory.runs.get())
    }

    @Test
    fun `who collects slowly does not make answers queue up either`() = testing {
        val factory = FakeFactory()
        val answers = openFake(factory).stream(sound(400) { delay(1) }, every = 0.5, minimum = 0.5).onEach { delay(60) }.toList()
        assertTrue(answers.size < 60, "${answers.size} answers for a collector that had time for a dozen")
        assertTrue(factory.runs.get() <= answers.size + 1)
        assertEquals(200.0, answers.last().end, "the last is of the newest sound")
        assertEquals(answers.map { it.end }.sorted(), answers.map { it.end })
    }

    @Test
    fun `cancelling stops the microphone`() = testing {
        var stopped = false
        val microphone = flow {
            try {
                sound(8).collect { emit(it) }
                awaitCancellation()
            } finally {
                stopped = true
            }
        }
        val job = launch(Dispatchers.Default) { openFake().stream(microphone, 1.0, 2.0).collect() }
        delay(100)
        assertTrue(!stopped)
        job.cancel(CancellationException("enough"))
        job.join()
        assertTrue(stopped)
        stopped = false
        openFake().stream(microphone, 1.0, 2.0).first()
        assertTrue(stopped)
    }

    @Test
    fun `a microphone that is lost in the middle leaves what was answered`() = testing {
        val kept = ArrayList<Emotion>()
        val collected = Channel<Unit>(Channel.UNLIMITED)
        val microphone = flow {
            sound(8) { if (it >= 2 && it % 1.0 == 0.0 && it < 4) collected.receive() }.collect { emit(it) }
            throw MicrophoneError("The microphone was lost; close other apps that record")
        }
        val stream = openFake().stream(microphone, 1.0, 2.0).onEach {
            kept += it
            collected.send(Unit)
        }
        val fault = assertFailsWith<MicrophoneError> { stream.collect() }
        assertTrue("lost" in fault.message!!)
        assertEquals(listOf(2.0, 3.0, 4.0), kept.map { it.end }, "the answer that was due comes before the fault")
    }

    @Test
    fun `a fault of the network ends the stream and the microphone`() = testing {
        var stopped = false
        val microphone = flow {
            try {
                sound(8).collect { emit(it) }
                awaitCancellation()
            } finally {
                stopped = true
            }
        }
        val broken = openFake(FakeFactory { _, _ -> floatArrayOf(Float.NaN, 0f) })
        assertFailsWith<SentioException.Damaged> { broken.stream(microphone, 1.0, 2.0).collect() }
        assertTrue(stopped)
    }

    @Test
    fun `less sound than the minimum gives no answer`() = testing {
        assertEquals(0, openFake().stream(sound(9), 1.0, 5.0).count())
        assertEquals(1, openFake().stream(sound(10), 1.0, 5.0).count())
        assertEquals(0, openFake().stream(sound(0), 1.0, 0.0).count())
    }

    @Test
    fun `live sound at another rate is resampled, noise that is none refused`() = testing {
        val tones = flow {
            for (block in 0 until 40) {
                emit(PcmBlock(FloatArray(9_600) { tone(100.0, block * 4_800 + it / 2, 48_000) }, 48_000, channels = 2))
            }
        }
        val answer = openFake(FakeFactory { _, input -> floatArrayOf(input[1000], 0f) }).stream(tones, 1.0, 3.0).toList().last()
        val first = ((answer.end - 3.0) * RATE).roundToInt() + 1000
        assertEquals(tone(100.0, first, RATE).toDouble(), answer.valence, 1e-3)
        val broken = flow { emit(PcmBlock(floatArrayOf(Float.NaN), RATE)) }
        assertFailsWith<AudioError> { openFake().stream(broken).collect() }
    }

    @Test
    fun `analyses go on while a microphone is heard`() = testing {
        val sentio = openFake(FakeFactory { _, input -> floatArrayOf(input[0], 0f).also { Thread.sleep(2) } })
        val live = async(Dispatchers.Default) { sentio.stream(sound(400) { delay(1) }, 0.5, 1.0).take(20).count() }
        val songs = (0 until 10).map { async(Dispatchers.Default) { sentio.predict(FakeSong(5.0)) } }
        assertEquals(20, live.await())
        assertTrue(songs.all { it.await().end == 3.0 })
    }

    @Test
    fun `times that make no sense are refused at once`() {
        val sentio = openFake()
        for ((every, minimum) in listOf(0.0 to 5.0, -1.0 to 5.0, Double.NaN to 5.0, 1.0 to -1.0, 1.0 to Double.NaN)) {
            assertFailsWith<IllegalArgumentException> { sentio.stream(sound(1), every, minimum) }
        }
    }
}
