package org.sentiomobile.core.frontend

import kotlin.math.PI
import kotlin.math.cos
import kotlin.math.sin

/**
 * The power spectrum of real frames: a complex transform of half the length, then taken apart.
 *
 * Not for two threads at once: it has memory of its own.
 *
 * @param size samples of a frame, a power of two, 4 or more.
 */
internal class RealFft(private val size: Int) {
    private val half = size / 2
    private val cosines = DoubleArray(half) { cos(2 * PI * it / size) }
    private val sines = DoubleArray(half) { sin(2 * PI * it / size) }
    private val real = DoubleArray(half)
    private val imaginary = DoubleArray(half)
    private val reversed = IntArray(half).also { order ->
        val bits = Integer.numberOfTrailingZeros(half)
        for (i in order.indices) order[i] = Integer.reverse(i) ushr (32 - bits)
    }

    /**
     * Squared magnitudes of the bins from 0 Hz on.
     *
     * @param frame [size] samples.
     * @param power as many bins as are wanted, at most size / 2.
     */
    fun power(frame: DoubleArray, power: FloatArray) {
        for (i in 0 until half) {
            real[reversed[i]] = frame[2 * i]
            imaginary[reversed[i]] = frame[2 * i + 1]
        }
        transform()
        val dc = real[0] + imaginary[0]
        power[0] = (dc * dc).toFloat()
        for (k in 1 until power.size) {
            val other = half - k
            val evenReal = (real[k] + real[other]) / 2
            val evenImaginary = (imaginary[k] - imaginary[other]) / 2
            val oddReal = (imaginary[k] + imaginary[other]) / 2
            val oddImaginary = (real[other] - real[k]) / 2
            val a = evenReal + cosines[k] * oddReal + sines[k] * oddImaginary
            val b = evenImaginary + cosines[k] * oddImaginary - sines[k] * oddReal
            power[k] = (a * a + b * b).toFloat()
        }
    }

    /** In place, from bit-reversed order, by decimation in time. */
    private fun transform() {
        var length = 1
        while (length < half) {
            // cosines and sines are those of the whole frame's length.
            val step = half / length
            for (block in 0 until half step 2 * length) {
                for (offset in 0 until length) {
                    val cosine = cosines[offset * step]
                    val sine = sines[offset * step]
                    val low = block + offset
                    val high = low + length
                    val a = cosine * real[high] + sine * imaginary[high]
                    val b = cosine * imaginary[high] - sine * real[high]
                    real[high] = real[low] - a
                    imaginary[high] = imaginary[low] - b
                    real[low] += a
                    imaginary[low] += b
                }
            }
            length *= 2
        }
    }
}
