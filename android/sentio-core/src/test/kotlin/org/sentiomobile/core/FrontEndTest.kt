package org.sentiomobile.core

import kotlin.math.abs
import kotlin.system.measureNanoTime
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.sentiomobile.core.frontend.FrontEnd
import org.sentiomobile.core.frontend.LogMel
import org.sentiomobile.core.frontend.Place
import org.sentiomobile.core.model.AudioSpec
import org.sentiomobile.core.model.FileModelFolder
import org.sentiomobile.core.model.Form
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Normalization

class FrontEndTest {
    private val spec = ModelSpec()

    @Test
    fun `levels and pictures are those that every language must give`() {
        val golden = GoldenFile.read()
        val frames = golden.tensors.integers("frames")
        val cells = golden.tensors.integers("cells")
        val levels = golden.tensors.floats("levels")
        val pictures = golden.tensors.floats("picture")
        assertTrue(golden.count >= 9)
        val logMel = LogMel(spec.audio)
        val frontEnd = FrontEnd(spec)
        var worstDb = 0f
        var worstCell = 0f
        for (sound in 0 until golden.count) {
            val pcm = golden.clip(sound)
            val found = logMel.levels(pcm)
            for (band in 0 until spec.audio.mels) {
                for ((column, frame) in frames.withIndex()) {
                    val wanted = levels[(sound * spec.audio.mels + band) * frames.size + column]
                    val level = found[band * spec.audio.frames + frame]
                    assertTrue(level in -80f..0f)
                    if (wanted > -79) worstDb = maxOf(worstDb, abs(level - wanted))
                }
            }
            val picture = frontEnd.picture(pcm)
            for ((i, row) in cells.withIndex()) {
                for ((j, column) in cells.withIndex()) {
                    val wanted = pictures[(sound * cells.size + i) * cells.size + j]
                    worstCell = maxOf(worstCell, abs(picture[row * spec.audio.width + column] - wanted))
                }
            }
        }
        println("measured: worst level $worstDb dB, worst cell of a picture $worstCell")
        assertTrue(worstDb < 0.01f, "off by $worstDb dB")
        assertTrue(worstCell < 1e-4f, "off by $worstCell")
    }

    @Test
    fun `frames that were kept are those that every language must give`() {
        val golden = GoldenFile.read()
        val frames = golden.tensors.integers("frames")
        val levels = golden.tensors.floats("levels")
        val audio = spec.audio
        val logMel = LogMel(audio)
        var worst = 0f
        for (sound in 0 until golden.count) {
            val clip = golden.clip(sound)
            // The clip stands a hundred frames into a sound, and is looked at after the window before it.
            val whole = FloatArray(100 * audio.hop) + clip
            val token = Any()
            logMel.levels(whole.copyOf(audio.samples), Place(token, 0, audio.samples))
            val before = logMel.computed
            val found = logMel.levels(clip, Place(token, 100L * audio.hop, audio.samples))
            assertEquals(104, logMel.computed - before, "those that are new, and two at each end")
            assertContentEquals(LogMel(audio).levels(clip), found)
            for (band in 0 until audio.mels) {
                for ((column, frame) in frames.withIndex()) {
                    val wanted = levels[(sound * audio.mels + band) * frames.size + column]
                    if (wanted > -79) worst = maxOf(worst, abs(found[band * audio.frames + frame] - wanted))
                }
            }
        }
        println("measured: worst level of kept frames $worst dB")
        assertTrue(worst < 1e-3f, "off by $worst dB")
    }

    @Test
    fun `kept frames are forgotten with their sound, after a leap, and where more was heard`() {
        val audio = AudioSpec(seconds = 3.0)
        val logMel = LogMel(audio)
        val song = FloatArray(4 * audio.samples) { tone(200.0 + it / 1000, it, audio.sampleRate) }
        fun hold(token: Any, start: Int, heard: Int = audio.samples) {
            val clip = song.copyOfRange(start, start + heard).copyOf(audio.samples)
            val place = Place(token, start.toLong(), heard)
            assertContentEquals(LogMel(audio).levels(clip), logMel.levels(clip, place), "from $start on, $heard heard")
        }
        val first = Any()
        for (hops in listOf(0, 43, 43, 86, 300, 301, 12, 250)) hold(first, hops * audio.hop)
        song.reverse()
        hold(Any(), 250 * audio.hop)
        val growing = Any()
        for (heard in listOf(5000, 20_000, 20_001, audio.samples)) hold(growing, 0, heard)
        hold(growing, 7 * audio.hop)
        assertFailsWith<IllegalArgumentException> { logMel.levels(FloatArray(audio.samples), Place(growing, 7, audio.samples)) }
    }

    @Test
    fun `a golden clip's picture is the input, standardized, in three channels`() = testing {
        val sentio = Sentio.open(FileModelFolder(beside("demo/src/main/assets/sentio")), factories = listOf(FakeFactory()))
        val golden = sentio.golden()
        val picture = FrontEnd(sentio.spec).picture(golden.clip(0))
        val input = golden.input(0, Form.SPECTROGRAM)
        assertEquals(3 * picture.size, input.size)
        assertEquals((picture[5] - 0.456f) / 0.224f, input[picture.size + 5], 1e-6f)
    }

    @Test
    fun `silence is the floor everywhere`() {
        assertTrue(LogMel(spec.audio).levels(FloatArray(spec.audio.samples)).all { it == -80f })
    }

    @Test
    fun `a tone is loudest in its own band`() {
        val rate = spec.audio.sampleRate
        val levels = LogMel(spec.audio).levels(FloatArray(spec.audio.samples) { tone(440.0, it, rate) })
        val middle = spec.audio.frames / 2
        val column = (0 until spec.audio.mels).map { levels[it * spec.audio.frames + middle] }
        // Slaney's bands up to 1000 Hz are 66.7 / (129 bands / 47.2 mel) apart: 440 Hz lies in the 18th.
        assertEquals(17, column.indexOf(column.max()))
    }

    @Test
    fun `zscore has mean 0 and deviation 1, and a flat clip is 0`() {
        val audio = AudioSpec(normalization = Normalization.ZSCORE, height = 128, width = 1292)
        val frontEnd = FrontEnd(ModelSpec(audio))
        val picture = frontEnd.picture(FloatArray(audio.samples) { tone(300.0 + it / 100, it, audio.sampleRate) })
        val mean = picture.average()
        assertEquals(0.0, mean, 1e-3)
        assertEquals(1.0, picture.sumOf { (it - mean) * (it - mean) } / picture.size, 1e-2)
        assertTrue(frontEnd.picture(FloatArray(audio.samples)).all { it == 0f })
    }

    @Test
    fun `the time that a clip takes is told`() {
        val frontEnd = FrontEnd(spec)
        val clip = FloatArray(spec.audio.samples) { tone(440.0, it, spec.audio.sampleRate) }
        repeat(3) { frontEnd.input(clip) }
        val times = (0 until 9).map { measureNanoTime { frontEnd.input(clip) } / 1e6 }
        println("measured: front end ${"%.1f".format(times.sorted()[4])} ms a clip, the median of ${times.size} on this JVM")
    }
}
