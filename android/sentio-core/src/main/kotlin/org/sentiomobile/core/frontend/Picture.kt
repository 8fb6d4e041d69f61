package org.sentiomobile.core.frontend

import kotlin.math.max
import kotlin.math.sqrt
import org.sentiomobile.core.model.AudioSpec
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Normalization

/**
 * From a clip of PCM to what a model of the form `spectrogram` is fed.
 *
 * Not for two threads at once: it has memory of its own.
 */
internal class FrontEnd(private val spec: ModelSpec) {
    private val logMel = LogMel(spec.audio)
    private val rows = Axis(spec.audio.mels, spec.audio.height)
    private val columns = Axis(spec.audio.frames, spec.audio.width)

    /** A clip's picture, height by width, normalized and resized, not yet standardized; [place] as in [LogMel.levels]. */
    fun picture(clip: FloatArray, place: Place? = null): FloatArray = resize(normalize(logMel.levels(clip, place), spec.audio))

    /** A clip as the model's input [1, 3, height, width]: three equal channels, each standardized. */
    fun input(clip: FloatArray, place: Place? = null): FloatArray = standardize(picture(clip, place), spec)

    private fun resize(levels: FloatArray): FloatArray {
        val frames = spec.audio.frames
        val narrow = FloatArray(spec.audio.mels * columns.outputs)
        for (band in 0 until spec.audio.mels) {
            for (x in 0 until columns.outputs) {
                val at = band * frames + columns.left[x]
                val after = if (columns.share[x] == 0f) 0f else columns.share[x] * levels[at + 1]
                narrow[band * columns.outputs + x] = (1 - columns.share[x]) * levels[at] + after
            }
        }
        return FloatArray(rows.outputs * columns.outputs) { cell ->
            val y = cell / columns.outputs
            val at = rows.left[y] * columns.outputs + cell % columns.outputs
            val after = if (rows.share[y] == 0f) 0f else rows.share[y] * narrow[at + columns.outputs]
            (1 - rows.share[y]) * narrow[at] + after
        }
    }

    /** One axis of a bilinear resize: half-pixel centres, edges repeated, no antialiasing. */
    private class Axis(inputs: Int, val outputs: Int) {
        val left = IntArray(outputs)
        val share = FloatArray(outputs)

        init {
            for (i in 0 until outputs) {
                val centre = ((i + 0.5) * inputs / outputs - 0.5).coerceIn(0.0, inputs - 1.0)
                left[i] = centre.toInt()
                share[i] = (centre - left[i]).toFloat()
            }
        }
    }

    companion object {
        /** Standard deviation of unit levels under which a clip counts as flat. */
        private const val FLATTEST = 1e-6

        /** A picture [height, width] as three equal channels, each standardized. */
        fun standardize(picture: FloatArray, spec: ModelSpec): FloatArray = FloatArray(3 * picture.size) {
            val channel = it / picture.size
            (picture[it % picture.size] - spec.imageMean[channel]) / spec.imageSd[channel]
        }

        /** Levels in dB, in place, to what the model was trained on. */
        private fun normalize(levels: FloatArray, audio: AudioSpec): FloatArray {
            for (i in levels.indices) levels[i] = (levels[i] - audio.floorDb) / -audio.floorDb
            if (audio.normalization == Normalization.ZSCORE) {
                val mean = levels.sumOf { it.toDouble() } / levels.size
                val sd = sqrt(levels.sumOf { (it - mean) * (it - mean) } / levels.size)
                for (i in levels.indices) levels[i] = ((levels[i] - mean) / max(sd, FLATTEST)).toFloat()
            }
            return levels
        }
    }
}
