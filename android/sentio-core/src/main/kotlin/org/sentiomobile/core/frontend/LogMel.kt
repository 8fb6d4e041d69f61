package org.sentiomobile.core.frontend

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.log10
import kotlin.math.max
import org.sentiomobile.core.model.AudioSpec

/**
 * Where a clip lies in a sound, so that frames which it shares with the clip before are not computed again.
 *
 * @property sound tells sounds apart: an object that stands for no other one.
 * @property start the clip's first sample in the sound, a multiple of the hop.
 * @property heard how many of the clip's samples come from the sound.
 */
internal class Place(val sound: Any, val start: Long, val heard: Int)

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
    private val powers = FloatArray(spec.mels)

    /** A ring of the frames of one sound: frame `k` lies at `k % frames`, if [keptFrames] says so. */
    private val kept by lazy { Array(spec.frames) { FloatArray(spec.mels) } }
    private val keptFrames = LongArray(spec.frames) { NONE }
    private var sound: Any? = null

    /** How many frames were ever transformed. */
    var computed: Long = 0L
        private set

    /**
     * The same numbers whether frames are kept or not: a frame within a sound is the same in every clip that has it. Those
     * that reach over an end of the clip, where sound is reflected or silence begins, are computed each time.
     *
     * @param pcm one clip of [AudioSpec.samples].
     * @param place where it lies, for its frames to be kept for the next clip of the sound; null to keep none.
     * @return levels in [AudioSpec.floorDb, 0], band by band from the lowest, each of [AudioSpec.frames]. A clip without
     * sound has the floor everywhere.
     */
    fun levels(pcm: FloatArray, place: Place? = null): FloatArray {
        require(pcm.size == spec.samples) { "a clip of ${pcm.size} samples, not ${spec.samples}" }
        if (place != null) {
            require(place.start % spec.hop == 0L) { "a clip from sample ${place.start} on, within a hop" }
            if (place.sound !== sound) keptFrames.fill(NONE)
            sound = place.sound
        }
        val frames = spec.frames
        val levels = FloatArray(spec.mels * frames)
        var loudest = 0f
        for (index in 0 until frames) {
            val frame = frame(pcm, index, place)
            for (band in 0 until spec.mels) {
                levels[band * frames + index] = frame[band]
                loudest = max(loudest, frame[band])
            }
        }
        toDecibels(levels, loudest)
        return levels
    }

    /** The powers of a frame's bands; valid until the next call. */
    private fun frame(pcm: FloatArray, index: Int, place: Place?): FloatArray {
        val from = index * spec.hop - spec.fftSize / 2
        if (place == null || from < 0 || from + spec.fftSize > place.heard) return powers.also { compute(pcm, from, it) }
        val number = place.start / spec.hop + index
        val at = (number % spec.frames).toInt()
        if (keptFrames[at] != number) {
            compute(pcm, from, kept[at])
            keptFrames[at] = number
        }
        return kept[at]
    }

    private fun compute(pcm: FloatArray, from: Int, into: FloatArray) {
        cut(pcm, from)
        fft.power(frame, spectrum)
        for (band in into.indices) into[band] = bank.power(band, spectrum)
        computed++
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

        /** The number of no frame. */
        const val NONE = -1L
    }
}
