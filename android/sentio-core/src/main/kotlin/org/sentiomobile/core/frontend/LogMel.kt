package org.sentiomobile.core.frontend

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.log10
import kotlin.math.max
import org.sentiomobile.core.model.AudioSpec

/**
 * Log-mel spectrograms in dB relative to a clip's loudest cell, as librosa makes them: centred frames with reflected ends, a
 * periodic Hann window, power.
 *
 * Not for two threads at once: it has memory of its own.
 */
internal class LogMel(private val spec: AudioSpec) {
    private val fft = RealFft(spec.fftSize)
    private val bank = MelBank(spec)
    private val hann = DoubleArray(spec.fftSize) { 0.5 - 0.5 * cos(2 * PI * it / spec.fftSize) }
    private val frame = DoubleArray(spec.fftSize)
    private val spectrum = FloatArray(bank.bins)

    /**
     * @param pcm one clip of [AudioSpec.samples].
     * @return levels in [AudioSpec.floorDb, 0], band by band from the lowest, each of [AudioSpec.frames]. A clip without
     * sound has the floor everywhere.
     */
    fun levels(pcm: FloatArray): FloatArray {
        require(pcm.size == spec.samples) { "a clip of ${pcm.size} samples, not ${spec.samples}" }
        val frames = spec.frames
        val levels = FloatArray(spec.mels * frames)
        var loudest = 0f
        for (index in 0 until frames) {
            cut(pcm, index * spec.hop - spec.fftSize / 2)
            fft.power(frame, spectrum)
            for (band in 0 until spec.mels) {
                val power = bank.power(band, spectrum)
                levels[band * frames + index] = power
                loudest = max(loudest, power)
            }
        }
        toDecibels(levels, loudest)
        return levels
    }

    private fun cut(pcm: FloatArray, from: Int) {
        val last = pcm.size - 1
        for (i in frame.indices) {
            val at = from + i
            val inside = if (at < 0) -at else if (at > last) 2 * last - at else at
            frame[i] = pcm[inside] * hann[i]
        }
    }

    private fun toDecibels(powers: FloatArray, loudest: Float) {
        if (loudest <= SILENT) {
            powers.fill(spec.floorDb)
            return
        }
        val reference = log10(loudest.toDouble())
        for (i in powers.indices) {
            val level = (10 * (log10(max(powers[i], SILENT).toDouble()) - reference)).toFloat()
            powers[i] = max(level, spec.floorDb)
        }
    }

    private companion object {
        /** Power under which a cell counts as silent. */
        const val SILENT = 1e-10f
    }
}
