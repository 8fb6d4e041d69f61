package org.sentiomobile.core

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import org.junit.Assume.assumeTrue
import org.sentiomobile.core.audio.Resampler
import org.sentiomobile.core.audio.countWindows
import org.sentiomobile.core.audio.fit
import org.sentiomobile.core.audio.windows
import org.sentiomobile.core.frontend.FrontEnd
import org.sentiomobile.core.model.AudioSpec
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Safetensors
import org.sentiomobile.core.model.ShortClip
import org.sentiomobile.core.model.Uncertainty

/** Held against what the Python package gives at this moment; its tests write the files, and say where. */
class PythonTest {
    private val folder = System.getProperty("sentio.python").let {
        assumeTrue("the Python package's tests run this", it != null)
        File(it)
    }
    private val values = Json.read(File(folder, "reference.json").readText()) as Map<*, *>

    private fun cases(name: String): List<Map<*, *>> {
        val found = (values[name] as List<*>).map { it as Map<*, *> }
        assertTrue(found.isNotEmpty())
        return found
    }

    @Test
    fun `windows start where Python's do`() {
        val spec = AudioSpec()
        for (case in cases("windows")) {
            val samples = (case["samples"] as Double).toLong()
            val every = case["every"] as Double
            val blocks = (0 until samples step BLOCK).asSequence().map { FloatArray(minOf(BLOCK, samples - it).toInt()) }
            val found = windows(blocks, spec, every).map { it.start.toDouble() to it.heard.toDouble() }.toList()
            val starts = case["starts"] as List<*>
            assertEquals(starts.zip(case["heard"] as List<*>), found, "$samples samples, every $every s")
            assertEquals(starts.size, countWindows(samples, spec, every))
        }
    }

    @Test
    fun `answers are the same JSON`() {
        for (case in cases("emotions")) {
            val half = case["half_width"] as List<*>?
            val emotion = Emotion(
                case["song"] as String, case["valence"] as Double, case["arousal"] as Double, case["start"] as Double,
                case["end"] as Double, half?.let { Uncertainty(0.9, it[0] as Double, it[1] as Double, 10) },
            )
            val wanted = case["json"] as Map<*, *>
            val found = Json.read(emotion.toJson()) as Map<*, *>
            assertEquals(wanted.keys.toList(), found.keys.toList())
            assertEquals(wanted, found)
        }
    }

    @Test
    fun `short clips are filled up alike`() {
        val tensors = tensors()
        for (how in ShortClip.entries) {
            val spec = AudioSpec(sampleRate = RATE, seconds = SECONDS, shortClip = how)
            assertContentEquals(tensors.floats("fit ${how.name.lowercase()}"), fit(tensors.floats("short"), spec))
        }
    }

    @Test
    fun `resampled music is within a ten-thousandth of soxr's`() {
        val tensors = tensors()
        for (rate in cases("rates").map { (it["rate"] as Double).toInt() }) {
            val resampler = Resampler(rate, 22_050)
            val pcm = tensors.floats("in $rate")
            val found = resampler.add(pcm) + resampler.finish()
            val wanted = tensors.floats("out $rate")
            assertEquals(wanted.size, found.size, "from $rate Hz")
            val worst = found.indices.maxOf { abs(found[it] - wanted[it]) }
            println("measured: from $rate Hz, off by $worst from soxr at most")
            assertTrue(worst < 1e-4, "from $rate Hz: off by $worst")
        }
    }

    /** No network runs here; Python holds its answers to these inputs against the golden ones. */
    @Test
    fun `what a spectrogram model is fed is left for Python`() {
        val golden = GoldenFile.read()
        val frontEnd = FrontEnd(ModelSpec())
        for (sound in 0 until golden.count) {
            val input = frontEnd.input(golden.clip(sound))
            val bytes = ByteBuffer.allocate(input.size * Float.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN)
            bytes.asFloatBuffer().put(input)
            File(folder, "input $sound.f32").writeBytes(bytes.array())
        }
    }

    private companion object {
        const val BLOCK = 50_000L
    }

    private fun tensors() = Safetensors.read(ByteBuffer.wrap(File(folder, "reference.safetensors").readBytes()))
}
