package org.sentiomobile.core.model

import java.nio.ByteBuffer
import org.sentiomobile.core.JsonFault
import org.sentiomobile.core.SentioException.Damaged
import org.sentiomobile.core.frontend.FrontEnd

/**
 * Inputs with the outputs that every runtime must give: a model folder has a few, so that an app can check the phone it is on.
 *
 * @property count how many.
 */
public class Golden private constructor(
    private val spec: ModelSpec,
    private val excerpts: ShortArray,
    private val lengths: IntArray,
    private val outputs: FloatArray,
) {
    public val count: Int = lengths.size

    /** Valence and arousal that vector [index] must give. */
    public fun output(index: Int): FloatArray = outputs.copyOfRange(2 * index, 2 * index + 2)

    /** The sound of vector [index]: its excerpt, repeated to its length, with silence after it. */
    public fun clip(index: Int): FloatArray {
        val size = excerpts.size / count
        val clip = FloatArray(spec.audio.samples)
        for (i in 0 until lengths[index]) clip[i] = excerpts[index * size + i % size] / FULL_SCALE
        return clip
    }

    /** What a model of this form is fed for vector [index]. */
    public fun input(index: Int, form: Form): FloatArray = when (form) {
        Form.WAVEFORM -> clip(index)
        Form.SPECTROGRAM -> FrontEnd(spec).input(clip(index))
    }

    internal companion object {
        const val FILE = "golden.safetensors"
        private const val FULL_SCALE = 32768f

        /** @throws Damaged the file is no such file, or does not fit the spec. */
        fun read(bytes: ByteBuffer, spec: ModelSpec, place: String): Golden = try {
            val tensors = Safetensors.read(bytes)
            val golden = Golden(
                spec,
                tensors.shorts("excerpt"),
                tensors.integers("length"),
                tensors.floats("output"),
            )
            golden.apply {
                val fits = count > 0 && outputs.size == 2 * count && excerpts.isNotEmpty() && excerpts.size % count == 0 &&
                    lengths.all { it in 1..spec.audio.samples }
                if (!fits) throw JsonFault("its vectors do not fit the model")
            }
        } catch (fault: JsonFault) {
            throw Damaged("$place: holds no golden vectors (${fault.message}); install the app again", fault)
        }
    }
}
