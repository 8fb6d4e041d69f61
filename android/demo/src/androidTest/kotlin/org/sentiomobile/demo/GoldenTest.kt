package org.sentiomobile.demo

import android.content.Context
import android.net.Uri
import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.sentiomobile.android.openSentio
import org.sentiomobile.android.predict
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioOptions
import org.sentiomobile.core.model.Processor

/** The model that the app carries, run by the app's own runtime on the phone or emulator that is connected. */
class GoldenTest {
    private val context: Context = InstrumentationRegistry.getInstrumentation().targetContext

    @Test
    fun theModelGivesTheGoldenAnswers() = runBlocking<Unit> {
        openSentio(context).use { sentio ->
            assertEquals(Processor.CPU, sentio.runsOn.processor)
            val distance = sentio.checkDevice()
            assertTrue("${sentio.runsOn.description}: off by $distance", distance <= sentio.most())
        }
    }

    @Test
    fun soDoesWhateverElseThePhoneHas() = runBlocking<Unit> {
        for (processor in Processor.entries - Processor.CPU) {
            val options = SentioOptions(processors = listOf(processor))
            openSentio(context, options = options).use { sentio ->
                val distance = sentio.checkDevice()
                assertTrue("${sentio.runsOn.description}: off by $distance", distance <= maxOf(options.tolerance, sentio.most()))
                // A processor that was asked for was taken, or there is a reason.
                assertEquals(sentio.runsOn.processor != processor, sentio.runsOn.passedOver.isNotEmpty())
            }
        }
    }

    @Test
    fun aFileThatThePhoneDecodesGivesTheAnswerOfItsSound() = runBlocking<Unit> {
        openSentio(context).use { sentio ->
            val golden = sentio.golden()
            val file = File(context.cacheDir, "golden.wav")
            for (index in 0 until golden.count) {
                file.writeBytes(wave(golden.clip(index), sentio.spec.audio.sampleRate))
                val found = sentio.predict(context, Uri.fromFile(file))
                val wanted = golden.output(index)
                val distance = maxOf(abs(found.valence - wanted[0]), abs(found.arousal - wanted[1]))
                assertTrue("sound $index: off by $distance", distance <= sentio.most())
            }
            file.delete()
        }
    }

    /** The largest difference from PyTorch that an export of this precision may have. */
    private fun Sentio.most(): Double = if (runsOn.artifact.precision == "fp32") 1e-4 else 0.1

    /** A WAV file of 16 bits; golden sounds were stored with as many, so that nothing is lost. */
    private fun wave(pcm: FloatArray, rate: Int): ByteArray {
        val size = 2 * pcm.size
        val bytes = ByteBuffer.allocate(HEADER + size).order(ByteOrder.LITTLE_ENDIAN)
        bytes.put("RIFF".toByteArray()).putInt(HEADER - 8 + size).put("WAVEfmt ".toByteArray()).putInt(16)
        bytes.putShort(1).putShort(1).putInt(rate).putInt(2 * rate).putShort(2).putShort(16)
        bytes.put("data".toByteArray()).putInt(size)
        for (sample in pcm) bytes.putShort((sample * 32768).toInt().toShort())
        return bytes.array()
    }

    private companion object {
        const val HEADER = 44
    }
}
