package org.sentiomobile.core.audio

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sin
import kotlin.math.sqrt

/**
 * From one sample rate to another, in a stream: a sinc low-pass under a Kaiser window, as a bank of phases.
 *
 * It is flat within 0.01 dB up to 0.9 of the lower rate's half, and what lies above that half comes back 90 dB softer or
 * more. Output sample n lies at the time of n / [to]: nothing is delayed. Before the first sample and after the last there
 * is silence.
 *
 * @param from the rate that goes in, in Hz.
 * @param to the rate that comes out, in Hz.
 */
public class Resampler(private val from: Int, private val to: Int) {
    init {
        require(from >= 1 && to >= 1) { "from $from to $to Hz" }
    }

    private val common = gcd(from, to)
    private val up = to / common
    private val down = from / common

    /** Where the rates share few phases each has its own filter; else the two nearest of many are mixed. */
    private val phases = min(up, MOST_PHASES)
    private val reach = ceil(HALF_TAPS * max(1.0, from.toDouble() / to)).toInt()
    private val taps = 2 * reach
    private val bank: Array<FloatArray> = Array(phases + 1) { kernel(it.toDouble() / phases) }

    /** Samples that outputs still need; the first is sample [base] of the input, which begins with silence. */
    private var held = FloatArray(reach - 1)
    private var size = reach - 1
    private var base = -(reach - 1).toLong()
    private var taken = 0L
    private var given = 0L

    /** Take the next samples in; what can be told by now comes out. */
    public fun add(pcm: FloatArray): FloatArray {
        taken += pcm.size
        if (up == down) return pcm
        append(pcm)
        // The output at input time t hears the `reach` samples after it.
        val last = base + size - 1 - reach
        return produce(if (last < 0) 0 else last * up / down + 1)
    }

    /** What was still to come: the sound has ended. The whole output is as long as the input, to the nearest sample. */
    public fun finish(): FloatArray {
        if (up == down) return FloatArray(0)
        append(FloatArray(reach + 1))
        return produce((taken * up + down / 2) / down)
    }

    private fun append(pcm: FloatArray) {
        val first = given * down / up - reach + 1
        val unneeded = min((first - base).coerceAtLeast(0), size.toLong()).toInt()
        val kept = size - unneeded
        val room = if (kept + pcm.size > held.size) FloatArray(kept + pcm.size) else held
        System.arraycopy(held, unneeded, room, 0, kept)
        System.arraycopy(pcm, 0, room, kept, pcm.size)
        held = room
        size = kept + pcm.size
        base += unneeded
    }

    private fun produce(until: Long): FloatArray {
        if (until <= given) return FloatArray(0)
        val produced = FloatArray((until - given).toInt()) { i ->
            val at = (given + i) * down
            val sample = at / up
            val phase = (at % up).toDouble() * phases / up
            val lower = phase.toInt()
            val share = (phase - lower).toFloat()
            val offset = (sample - reach + 1 - base).toInt()
            val low = dot(bank[lower], offset)
            if (share == 0f) low else low + share * (dot(bank[lower + 1], offset) - low)
        }
        given = until
        return produced
    }

    /** Four sums, so that one addition need not wait for the other. */
    private fun dot(filter: FloatArray, offset: Int): Float {
        var a = 0f
        var b = 0f
        var c = 0f
        var d = 0f
        var i = 0
        while (i + 3 < taps) {
            a += filter[i] * held[offset + i]
            b += filter[i + 1] * held[offset + i + 1]
            c += filter[i + 2] * held[offset + i + 2]
            d += filter[i + 3] * held[offset + i + 3]
            i += 4
        }
        while (i < taps) {
            a += filter[i] * held[offset + i]
            i++
        }
        return (a + b) + (c + d)
    }

    /** The filter for an output that lies a fraction of a sample behind input sample `reach - 1`. */
    private fun kernel(fraction: Double): FloatArray {
        val cutoff = CUTOFF * min(1.0, to.toDouble() / from)
        val weights = DoubleArray(taps) { i ->
            val distance = i - (reach - 1) - fraction
            val angle = PI * cutoff * distance
            val sinc = if (abs(angle) < 1e-9) 1.0 else sin(angle) / angle
            val edge = distance / reach
            if (abs(edge) >= 1) 0.0 else cutoff * sinc * bessel(BETA * sqrt(1 - edge * edge)) / bessel(BETA)
        }
        // Each phase passes a constant exactly, lest it be modulated.
        val sum = weights.sum()
        return FloatArray(taps) { (weights[it] / sum).toFloat() }
    }

    private companion object {
        /** Zero crossings to each side, and the window's shape: 100 dB, from 0.9 to 1 of half the lower rate. */
        const val HALF_TAPS = 64
        const val BETA = 10.06
        const val CUTOFF = 0.95
        const val MOST_PHASES = 512

        tailrec fun gcd(a: Int, b: Int): Int = if (b == 0) a else gcd(b, a % b)

        /** Modified Bessel function of the first kind, order 0, by its series. */
        fun bessel(x: Double): Double {
            var term = 1.0
            var sum = 1.0
            var k = 1
            while (term > sum * 1e-17) {
                term *= (x / (2 * k)) * (x / (2 * k))
                sum += term
                k++
            }
            return sum
        }
    }
}
