package org.sentiomobile.core

import java.nio.ByteBuffer
import org.sentiomobile.core.model.Safetensors

/** The golden vectors that the tests of every language read; `export/golden/README.md` says what is in them. */
internal class GoldenFile(val tensors: Safetensors) {
    private val lengths = tensors.integers("length")
    private val excerpts = tensors.shorts("excerpt")
    val count = lengths.size

    fun clip(sound: Int): FloatArray {
        val size = excerpts.size / count
        val pcm = FloatArray(SAMPLES)
        for (i in 0 until lengths[sound]) pcm[i] = excerpts[sound * size + i % size] / 32768f
        return pcm
    }

    companion object {
        private const val SAMPLES = 661_500

        fun read(): GoldenFile =
            GoldenFile(Safetensors.read(ByteBuffer.wrap(beside("../export/golden/golden.safetensors").readBytes())))
    }
}
