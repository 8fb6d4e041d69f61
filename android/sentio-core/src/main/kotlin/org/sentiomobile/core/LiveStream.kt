package org.sentiomobile.core

import kotlin.math.roundToLong
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import org.sentiomobile.core.audio.Mixer
import org.sentiomobile.core.audio.PcmBlock
import org.sentiomobile.core.audio.RingBuffer
import org.sentiomobile.core.model.AudioSpec

/**
 * Sound that does not end into answers that are never late.
 *
 * One coroutine listens: it fills a ring of one clip, and says when an answer is due. Another answers. What is due is a single
 * note, not a queue: whoever is slow finds one note, and the newest sound. Faults travel behind the answers, as in
 * [faultsBehind].
 *
 * @param sound blocks of one rate.
 * @param every seconds of sound from one answer to the next.
 * @param minimum seconds before the first.
 * @param grid clips begin at multiples of so many samples; the newest ones that fill no clip are left for the next.
 * @param dispatcher where listening and answering are done.
 * @param answer for the newest PCM, how many samples were heard until its end, and what stands for this sound alone.
 */
internal fun liveStream(
    sound: Flow<PcmBlock>,
    audio: AudioSpec,
    every: Double,
    minimum: Double,
    grid: Int,
    dispatcher: CoroutineDispatcher,
    answer: suspend (FloatArray, Long, Any) -> Emotion,
): Flow<Emotion> {
    require(every > 0 && every.isFinite()) { "an answer every $every s" }
    require(minimum >= 0 && minimum.isFinite()) { "answers from $minimum s on" }
    return channelFlow {
        val ring = RingBuffer(audio.samples + grid - 1)
        val due = Channel<Unit>(Channel.CONFLATED)
        launch {
            due.close(faultOf { listen(sound, audio, ring, every, minimum) { due.trySend(Unit) } })
        }
        // What was due is received before the fault that closed the channel.
        val fault = faultOf {
            for (note in due) {
                val newest = ring.newest().clip(audio.samples, grid)
                send(Result.success(answer(newest.pcm, newest.end, ring)))
            }
        }
        if (fault != null) send(Result.failure(fault))
    }.buffer(Channel.RENDEZVOUS).flowOn(dispatcher).map { it.getOrThrow() }
}

/** The newest clip that begins at a multiple of [grid]. */
private fun RingBuffer.Newest.clip(samples: Int, grid: Int): RingBuffer.Newest {
    val start = maxOf(0, end - samples) / grid * grid
    val from = (start - (end - pcm.size)).toInt()
    val part = pcm.copyOfRange(from, minOf(pcm.size, from + samples))
    return RingBuffer.Newest(part, start + part.size)
}

/** What went wrong, but for having been cancelled. */
private suspend fun faultOf(work: suspend () -> Unit): Exception? = try {
    work()
    null
} catch (stopped: CancellationException) {
    throw stopped
} catch (fault: Exception) {
    fault
}

private suspend fun listen(
    sound: Flow<PcmBlock>,
    audio: AudioSpec,
    ring: RingBuffer,
    every: Double,
    minimum: Double,
    isDue: () -> Unit,
) {
    var mixer: Mixer? = null
    var count = 0L
    sound.collect { block ->
        val current = mixer ?: Mixer(Sentio.LIVE, block.sampleRate, audio.sampleRate).also { mixer = it }
        ring.write(current.add(block))
        val heard = ring.heard
        val passed = generateSequence(count) { it + 1 }
            .takeWhile { heard >= maxOf(1, ((minimum + it * every) * audio.sampleRate).roundToLong()) }
            .count()
        if (passed > 0) isDue()
        count += passed
    }
}
