package org.sentiomobile.core

import java.io.Closeable
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.audio.PcmBlock
import org.sentiomobile.core.audio.PcmSource
import org.sentiomobile.core.audio.Window
import org.sentiomobile.core.audio.checkEvery
import org.sentiomobile.core.audio.fit
import org.sentiomobile.core.audio.isSilent
import org.sentiomobile.core.audio.mono
import org.sentiomobile.core.audio.windows
import org.sentiomobile.core.frontend.FrontEnd
import org.sentiomobile.core.frontend.Place
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.Form
import org.sentiomobile.core.model.Golden
import org.sentiomobile.core.model.Manifest
import org.sentiomobile.core.model.ModelFolder
import org.sentiomobile.core.model.ModelSpec

/**
 * A model that tells how music feels.
 *
 * All functions may be called from any thread, and none of them blocks it. Analyses that are asked for at the same time are
 * done one after another, in the order in which they were asked for; trajectories and streams take turns with them.
 * Cancelling a coroutine stops what it asked for at the next block or answer. [close] frees the model.
 */
public class Sentio private constructor(private val loaded: Loaded, private val dispatcher: CoroutineDispatcher) : Closeable {
    private val backend get() = loaded.backend
    private val frontEnd by lazy { FrontEnd(spec) }
    private val analyses = Mutex()
    private val inference = Mutex()

    @Volatile
    private var closed = false
    private var freed = false

    /** What the model folder says of itself. */
    public val manifest: Manifest get() = loaded.manifest

    /** How the model is fed and read. */
    public val spec: ModelSpec get() = manifest.spec

    /** What the model runs on, and what was passed over for it. */
    public val runsOn: RunsOn get() = loaded.runsOn

    /**
     * How the beginning of a sound in memory feels: a clip, [org.sentiomobile.core.model.AudioSpec.seconds] long. Of a pooled
     * model, all of it.
     *
     * @param pcm interleaved, full scale at -1 and 1.
     * @param sampleRate frames a second, in Hz.
     * @param channels samples of a frame.
     * @param song what the answer is to be called.
     * @throws AudioError it is empty, or holds samples that are not numbers.
     * @throws SentioException.ComputeError the runtime failed; all that answers may throw that.
     */
    public suspend fun predict(pcm: FloatArray, sampleRate: Int, channels: Int = 1, song: String = "PCM"): Emotion {
        require(sampleRate >= 1) { "$sampleRate samples a second" }
        require(channels >= 1 && pcm.size % channels == 0) { "${pcm.size} samples are no whole frames of $channels channels" }
        return predict(MemorySource(pcm, sampleRate, channels, song))
    }

    /** The same for a song; no more of it is decoded than is needed. It is closed. */
    public suspend fun predict(source: PcmSource): Emotion = source.use {
        // The place in the queue is taken before the thread is changed.
        analyses.withLock {
            working {
                if (spec.pooled) {
                    mean(answers(source, spec.audio.seconds).toList())
                } else {
                    answer(beginning(source, currentCoroutineContext()), source.name)
                }
            }
        }
    }

    /**
     * How a song feels, window after window, in memory that does not grow with it.
     *
     * Windows are a clip long and lie wholly within the song; their starts are rounded down to the hop. A song shorter than a
     * clip gives one answer. The song is closed when the flow ends, so that it can be collected once. What was answered before
     * a fault comes before it.
     *
     * @param every seconds from one window to the next, at least a hop.
     * @throws AudioError while collecting, when the song holds no usable sound.
     */
    public fun trajectory(source: PcmSource, every: Double = 1.0): Flow<Emotion> {
        checkEvery(every, spec.audio)
        return flow { source.use { emitAll(answers(source, every)) } }.faultsBehind(dispatcher)
    }

    /**
     * How live sound feels: one answer every so often, of the newest clip, once enough of it was heard.
     *
     * Where answers take longer than [every], or are collected more slowly, those that would be late are left out. Cancelling
     * the collection cancels the collection of [sound]. Where [sound] fails, answers that were due come first.
     *
     * @param sound as a microphone gives it, all of one rate.
     * @param every seconds of sound from one answer to the next, above 0.
     * @param minimum seconds to be heard before the first answer; up to a clip's length, what is missing is filled up.
     * @throws SentioException while collecting.
     */
    public fun stream(sound: Flow<PcmBlock>, every: Double = 1.0, minimum: Double = 5.0): Flow<Emotion> {
        // Where the picture is made here, clips begin where frames do, so that neighbours share their frames.
        val grid = if (runsOn.artifact.form == Form.WAVEFORM) 1 else spec.audio.hop
        return liveStream(sound, spec.audio, every, minimum, grid, dispatcher) { heard, end, ring ->
            answer(Window(end - heard.size, heard.size, fit(heard, spec.audio)), LIVE, ring)
        }
    }

    /** The golden vectors that came with the model. */
    public suspend fun golden(): Golden = working { loaded.folder.golden() }

    /** How far this phone's answers are from the golden ones, at most; below 0.0001 where the model computes in 32 bits. */
    public suspend fun checkDevice(): Double = working {
        val golden = loaded.folder.golden()
        alone { backend.distance(golden, runsOn.artifact.form) }
    }

    /** Free the model, after the answer that is being worked on; later calls throw [IllegalStateException]. */
    override fun close() {
        closed = true
        freeIfClosed()
    }

    private suspend fun <T> working(work: suspend () -> T): T = withContext(dispatcher) { work() }

    private suspend fun beginning(source: PcmSource, context: CoroutineContext): Window {
        val wanted = spec.audio.samples
        val clip = FloatArray(wanted)
        var heard = 0
        for (block in source.mono(spec.audio.sampleRate) { context.ensureActive() }) {
            val count = minOf(block.size, wanted - heard)
            block.copyInto(clip, heard, 0, count)
            heard += count
            if (heard == wanted) break
        }
        if (heard == 0) throw empty(source)
        return Window(0, heard, fit(clip.copyOf(heard), spec.audio))
    }

    private fun answers(source: PcmSource, every: Double): Flow<Emotion> = flow {
        val context = currentCoroutineContext()
        val sound = Any()
        var none = true
        for (window in windows(source.mono(spec.audio.sampleRate) { context.ensureActive() }, spec.audio, every)) {
            none = false
            emit(answer(window, source.name, sound))
        }
        if (none) throw empty(source)
    }

    /** Of windows of one [sound], frames that they share are computed once. */
    private suspend fun answer(window: Window, song: String, sound: Any? = null): Emotion = alone {
        val before = System.nanoTime()
        val place = sound?.let { Place(it, window.start, window.heard) }
        val input = if (runsOn.artifact.form == Form.WAVEFORM) window.pcm else frontEnd.input(window.pcm, place)
        val (valence, arousal) = backend.answer(input, spec, song)
        val took = (System.nanoTime() - before) / 1e6
        val rate = spec.audio.sampleRate.toDouble()
        val end = (window.start + window.heard) / rate
        Emotion(song, valence, arousal, window.start / rate, end, spec.uncertainty, took, isSilent(window.pcm))
    }

    /** Nobody else uses the back end and the front end's memory meanwhile; whoever came first is first. */
    private suspend fun <T> alone(work: suspend () -> T): T = try {
        inference.withLock {
            check(!closed) { "this Sentio was closed" }
            work()
        }
    } finally {
        freeIfClosed()
    }

    private fun freeIfClosed() {
        // Whoever holds the lock comes here when it is done.
        if (!closed || !inference.tryLock()) return
        try {
            if (!freed) backend.close()
            freed = true
        } finally {
            inference.unlock()
        }
    }

    public companion object {
        /** What live answers are called. */
        public const val LIVE: String = "live"

        /**
         * Load a model folder: its manifest is read, the first artifact that the app has a back end for is checked against its
         * hash, and loaded.
         *
         * @param folder the app's assets, or a folder on disk.
         * @param options processors and threads.
         * @param factories the back ends; null for those that the app was built with.
         * @param dispatcher where the work is done.
         * @throws SentioException the model was changed, is damaged, is for a later version, or cannot be run here.
         */
        public suspend fun open(
            folder: ModelFolder,
            options: SentioOptions = SentioOptions(),
            factories: List<BackendFactory>? = null,
            dispatcher: CoroutineDispatcher = Dispatchers.Default,
        ): Sentio {
            var opened: Sentio? = null
            return try {
                withContext(dispatcher) {
                    Sentio(load(folder, options, factories ?: BackendFactory.installed()), dispatcher).also { opened = it }
                }
            } catch (stopped: CancellationException) {
                // Nobody was given it who could close it.
                opened?.close()
                throw stopped
            }
        }

        private fun empty(source: PcmSource): AudioError =
            AudioError("${source.name}: holds no samples; choose a file with sound in it")

        /** One answer for many: the mean, from the first's beginning to the last's end. */
        private fun mean(answers: List<Emotion>): Emotion = answers.first().copy(
            valence = answers.map { it.valence }.average(),
            arousal = answers.map { it.arousal }.average(),
            end = answers.last().end,
            inferenceMs = answers.sumOf { it.inferenceMs },
            silent = answers.all { it.silent },
        )
    }
}

/** Sound in memory, in blocks, so that no more of it is resampled than is needed. */
private class MemorySource(
    private val pcm: FloatArray,
    private val sampleRate: Int,
    private val channels: Int,
    override val name: String,
) : PcmSource {
    private var at = 0
    override val seconds: Double get() = pcm.size / channels / sampleRate.toDouble()

    override fun read(): PcmBlock? {
        if (at == pcm.size) return null
        val next = minOf(pcm.size.toLong(), at + BLOCK.toLong() * channels).toInt()
        return PcmBlock(pcm.copyOfRange(at, next), sampleRate, channels).also { at = next }
    }

    override fun close() = Unit

    private companion object {
        const val BLOCK = 16_384
    }
}
