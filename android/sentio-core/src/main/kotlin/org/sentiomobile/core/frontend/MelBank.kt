package org.sentiomobile.core.frontend

import kotlin.math.exp
import kotlin.math.floor
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.min
import org.sentiomobile.core.model.AudioSpec

/** Slaney's triangular mel filters, area-normalized; of each, the bins that it touches. */
internal class MelBank(spec: AudioSpec) {
    /** Fourier bins from 0 Hz that the filters touch. */
    val bins: Int = floor(spec.highestHz * spec.fftSize / spec.sampleRate).toInt() + 1

    private val first = IntArray(spec.mels)
    private val weights: Array<FloatArray>

    init {
        val lowest = melOf(spec.lowestHz)
        val step = (melOf(spec.highestHz) - lowest) / (spec.mels + 1)
        val edges = DoubleArray(spec.mels + 2) { hzOf(lowest + it * step) }
        weights = Array(spec.mels) { band ->
            val (left, centre, right) = edges.slice(band..band + 2)
            val whole = FloatArray(bins) { bin ->
                val hz = bin.toDouble() * spec.sampleRate / spec.fftSize
                val height = min((hz - left) / (centre - left), (right - hz) / (right - centre))
                (max(0.0, height) * 2 / (right - left)).toFloat()
            }
            val touched = whole.indices.filter { whole[it] > 0f }
            first[band] = touched.firstOrNull() ?: 0
            if (touched.isEmpty()) FloatArray(0) else whole.copyOfRange(touched.first(), touched.last() + 1)
        }
    }

    /** The power of one band, of a frame's power spectrum. */
    fun power(band: Int, spectrum: FloatArray): Float {
        val filter = weights[band]
        val start = first[band]
        var sum = 0.0
        for (i in filter.indices) sum += filter[i].toDouble() * spectrum[start + i]
        return sum.toFloat()
    }

    private companion object {
        // Slaney, Auditory Toolbox (1998): linear up to 1000 Hz in steps of 200/3 Hz, then 27 steps to a factor 6.4.
        const val LINEAR_STEP = 200.0 / 3
        const val CORNER_HZ = 1000.0
        const val CORNER = CORNER_HZ / LINEAR_STEP
        val LOG_STEP = ln(6.4) / 27

        fun melOf(hz: Double): Double = if (hz < CORNER_HZ) hz / LINEAR_STEP else CORNER + ln(hz / CORNER_HZ) / LOG_STEP

        fun hzOf(mel: Double): Double = if (mel < CORNER) mel * LINEAR_STEP else CORNER_HZ * exp((mel - CORNER) * LOG_STEP)
    }
}
