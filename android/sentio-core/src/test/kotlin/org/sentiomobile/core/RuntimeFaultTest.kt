package org.sentiomobile.core

import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.toList
import org.junit.Test
import org.sentiomobile.core.SentioException.ComputeError
import org.sentiomobile.core.audio.PcmBlock
import org.sentiomobile.core.model.Artifact
import org.sentiomobile.core.model.Backend
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Processor
import org.sentiomobile.core.model.Running

/** What a runtime throws is never an app's crash: it is one line that an app can show. */
class RuntimeFaultTest {
    private val sound = FloatArray((SECONDS * RATE).toInt()) { (it % 50) / 100f }

    /** Answers some runs, then throws. */
    private fun failing(after: Int, fault: () -> Throwable): FakeFactory {
        val runs = AtomicInteger()
        return FakeFactory { _, input ->
            if (runs.incrementAndGet() > after) throw fault()
            floatArrayOf(input.first(), input.last())
        }
    }

    private fun lineOf(fault: () -> Throwable): String {
        val factory = failing(0, fault)
        val sentio = openFake(factory)
        val line = assertFailsWith<ComputeError> { soon { sentio.predict(sound, RATE) } }.message!!
        sentio.close()
        assertEquals(1, factory.closed.get())
        return line
    }

    @Test
    fun `whatever a runtime throws is one line`() {
        assertContains(lineOf { IllegalStateException("bad\n  state at op 7\n") }, "(bad)")
        assertContains(lineOf { IllegalArgumentException() }, "(IllegalArgumentException)")
        assertContains(lineOf { Exception("ORT_FAIL: no kernel") }, "fake, CPU, ")
        assertContains(lineOf { OutOfMemoryError() }, "close other apps")
        assertContains(lineOf { UnsatisfiedLinkError("no libfoo") }, "install the app again")
    }

    @Test
    fun `a failure in the middle of a song comes behind its answers`() {
        val answers = ArrayList<Emotion>()
        val sentio = openFake(failing(3) { IllegalStateException("lost") })
        val fault = assertFailsWith<ComputeError> { soon { sentio.trajectory(FakeSong(20.0), 1.0).collect { answers += it } } }
        assertContains(fault.message!!, "lost")
        assertEquals(3, answers.size)
    }

    @Test
    fun `a failure while listening ends the stream with it`() {
        val sentio = openFake(failing(1) { IllegalStateException("lost") })
        // Answers that would be late are left out: more is said once the first one was heard.
        val answered = CompletableDeferred<Unit>()
        val live = flow {
            repeat(40) {
                emit(PcmBlock(FloatArray(RATE / 4) { 0.1f }, RATE))
                if (it == 20) answered.await()
            }
        }
        val answers = sentio.stream(live, every = 0.25, minimum = 0.5).onEach { answered.complete(Unit) }
        assertFailsWith<ComputeError> { soon { answers.toList() } }
    }

    @Test
    fun `after a failure that passes the model answers again`() {
        val runs = AtomicInteger()
        val sentio = openFake(
            FakeFactory { _, _ -> if (runs.incrementAndGet() == 1) throw OutOfMemoryError() else floatArrayOf(0.1f, 0.2f) },
        )
        assertFailsWith<ComputeError> { soon { sentio.predict(sound, RATE) } }
        assertEquals(0.1f.toDouble(), soon { sentio.predict(sound, RATE) }.valence)
    }

    @Test
    fun `a delegate that refuses, or fails at its first run, leaves the work to the CPU`() {
        val files = mapOf("model.tflite" to byteArrayOf(1), "golden.safetensors" to goldenOf(0.5f, -0.25f))
        val all = setOf(Processor.CPU, Processor.GPU, Processor.NNAPI)
        val fake = FakeFactory(processors = all) { processor, _ ->
            if (processor == Processor.GPU) throw IllegalStateException("the delegate gave up")
            floatArrayOf(0.5f, -0.25f)
        }
        val factory = object : BackendFactory by fake {
            override fun open(model: ByteBuffer, artifact: Artifact, spec: ModelSpec, running: Running): Backend {
                if (running.processor == Processor.NNAPI) throw IllegalArgumentException("Failed to apply delegate:\nop 3")
                return fake.open(model, artifact, spec, running)
            }
        }
        val options = SentioOptions(listOf(Processor.NNAPI, Processor.GPU), cache = File("compiled"))
        val sentio = soon { Sentio.open(folderOf(files = files), options, listOf(factory)) }
        assertEquals(Processor.CPU, sentio.runsOn.processor)
        assertContains(sentio.runsOn.passedOver[0], "NNAPI: Failed to apply delegate:")
        assertContains(sentio.runsOn.passedOver[1], "the delegate gave up")
        assertEquals(1, fake.closed.get(), "the one that gave up is freed")
        assertEquals(File("compiled"), fake.ran!!.cache)
        assertEquals(sha256Of(byteArrayOf(1)), fake.ran!!.token)
    }

    @Test
    fun `no memory for the model says so, and does not blame the app`() {
        val factory = object : BackendFactory by FakeFactory() {
            override fun open(model: ByteBuffer, artifact: Artifact, spec: ModelSpec, running: Running) =
                throw OutOfMemoryError("Failed to allocate 40 MB")
        }
        val fault = assertFailsWith<ComputeError> { soon { Sentio.open(folderOf(), factories = listOf(factory)) } }
        assertContains(fault.message!!, "no memory for the model; close other apps")
    }
}
