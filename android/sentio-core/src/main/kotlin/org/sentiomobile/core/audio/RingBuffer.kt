package org.sentiomobile.core.audio

import kotlin.math.min

/**
 * The newest samples of a sound that does not end; one thread writes while another looks.
 *
 * @param capacity how many are kept, 1 or more.
 */
public class RingBuffer(private val capacity: Int) {
    private val ring = FloatArray(capacity.also { require(it >= 1) { "a ring of $it samples" } })
    private var written = 0L

    /** How many samples were ever written. */
    public val heard: Long @Synchronized get() = written

    /** Add samples; the oldest make room. */
    @Synchronized
    public fun write(pcm: FloatArray) {
        var from = (pcm.size - capacity).coerceAtLeast(0)
        written += from
        while (from < pcm.size) {
            val at = (written % capacity).toInt()
            val count = min(capacity - at, pcm.size - from)
            System.arraycopy(pcm, from, ring, at, count)
            from += count
            written += count
        }
    }

    /** The newest samples, in order, and where in the sound they end. */
    @Synchronized
    public fun newest(): Newest {
        val count = min(written, capacity.toLong()).toInt()
        val at = ((written - count) % capacity).toInt()
        val pcm = FloatArray(count)
        val first = min(count, capacity - at)
        System.arraycopy(ring, at, pcm, 0, first)
        System.arraycopy(ring, 0, pcm, first, count - first)
        return Newest(pcm, written)
    }

    /**
     * What a ring held at one moment.
     *
     * @property pcm as many samples as were heard, at most the ring's capacity.
     * @property end how many were heard by then.
     */
    public class Newest(public val pcm: FloatArray, public val end: Long)
}
