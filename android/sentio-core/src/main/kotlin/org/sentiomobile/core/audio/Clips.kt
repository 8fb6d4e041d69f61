package org.sentiomobile.core.audio

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.min
import org.sentiomobile.core.model.AudioSpec
import org.sentiomobile.core.model.ShortClip

/**
 * One clip of exactly [AudioSpec.samples]: the beginning of [pcm], or all of it, filled up as the spec says.
 *
 * @param pcm at least one sample.
 */
public fun fit(pcm: FloatArray, spec: AudioSpec): FloatArray {
    require(pcm.isNotEmpty()) { "a clip of no samples" }
    val clip = pcm.copyOf(spec.samples)
    if (spec.shortClip == ShortClip.LOOP) {
        for (i in pcm.size until clip.size) clip[i] = clip[i - pcm.size]
    }
    return clip
}

/**
 * A clip of a song.
 *
 * @property start its first sample in the song, a multiple of the hop.
 * @property heard how many of its samples come from the song; the rest fills up a song shorter than a clip.
 * @property pcm as many samples as a clip has.
 */
public class Window(public val start: Long, public val heard: Int, public val pcm: FloatArray)

/** The largest absolute sample of a clip that counts as silent: 80 dB below full scale, the floor of the log-mel. */
public const val SILENT_PEAK: Float = 1e-4f

/** Whether nothing can be heard in [pcm], for example because its channels cancelled each other. */
public fun isSilent(pcm: FloatArray): Boolean = pcm.all { abs(it) < SILENT_PEAK }

/**
 * Whole windows of a song, in the memory of one or two.
 *
 * A window starts at each multiple of [every] seconds, rounded down to the hop; the rounding does not add up. The last is the
 * last that lies wholly within the song. A song shorter than a clip gives one window, filled up as the spec says.
 *
 * @param blocks consecutive mono PCM at the spec's rate.
 */
public fun windows(blocks: Sequence<FloatArray>, spec: AudioSpec, every: Double): Sequence<Window> {
    checkEvery(every, spec)
    return sequence {
        val iterator = blocks.iterator()
        val song = SongPart()
        var index = 0L
        while (true) {
            val start = startOf(index, every, spec)
            song.forgetBefore(start)
            while (song.end < start + spec.samples && iterator.hasNext()) song.add(iterator.next(), start)
            val whole = song.end >= start + spec.samples
            if (!whole && (start > 0 || song.end == 0L)) return@sequence
            val pcm = song.copy(min(spec.samples.toLong(), song.end - start).toInt())
            yield(Window(start, pcm.size, fit(pcm, spec)))
            if (!whole) return@sequence
            index++
        }
    }
}

/** How many windows [windows] gives for a song of so many samples, which must not be none. */
public fun countWindows(samples: Long, spec: AudioSpec, every: Double): Int {
    checkEvery(every, spec)
    val last = max(0, samples - spec.samples)
    var count = ((last + spec.hop) / (every * spec.sampleRate)).toInt() + 2
    while (count > 1 && startOf(count - 1L, every, spec) > last) count--
    return count
}

/** @throws IllegalArgumentException windows cannot follow each other at this distance in seconds. */
internal fun checkEvery(every: Double, spec: AudioSpec) {
    val hop = spec.hop.toDouble() / spec.sampleRate
    require(every.isFinite() && every >= hop) {
        "every $every s is no distance of windows; give ${ceil(1000 * hop) / 1000} s or more"
    }
}

private fun startOf(index: Long, every: Double, spec: AudioSpec): Long =
    // A little more, lest a whole number of hops that came out as 43.999 loses one.
    (index * every * spec.sampleRate / spec.hop + 1e-6).toLong() * spec.hop

/** What was read of a song and is still needed. */
private class SongPart {
    private var held = FloatArray(0)
    private var size = 0
    private var base = 0L

    /** How many samples of the song were read. */
    val end: Long get() = base + size

    fun forgetBefore(start: Long) {
        val unneeded = min((start - base).coerceAtLeast(0), size.toLong()).toInt()
        System.arraycopy(held, unneeded, held, 0, size - unneeded)
        base += unneeded
        size -= unneeded
    }

    /** The part of the next block that lies before [start] is not kept. */
    fun add(block: FloatArray, start: Long) {
        val skipped = if (size > 0) 0 else min((start - end).coerceAtLeast(0), block.size.toLong()).toInt()
        base += skipped
        val needed = size + block.size - skipped
        if (needed > held.size) held = held.copyOf(max(needed, held.size + held.size / 2))
        System.arraycopy(block, skipped, held, size, block.size - skipped)
        size = needed
    }

    fun copy(count: Int): FloatArray = held.copyOf(count)
}
