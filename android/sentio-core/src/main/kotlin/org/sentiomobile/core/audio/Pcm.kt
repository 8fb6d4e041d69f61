package org.sentiomobile.core.audio

import java.io.Closeable
import kotlin.math.abs
import org.sentiomobile.core.SentioException.AudioError

/**
 * A stretch of sound as it comes from a decoder or a microphone.
 *
 * @property samples interleaved, full scale at -1 and 1: the first frame's channels, then the second's, and so on.
 * @property sampleRate frames a second, in Hz.
 * @property channels samples of a frame, 1 or more.
 */
public class PcmBlock(public val samples: FloatArray, public val sampleRate: Int, public val channels: Int = 1) {
    init {
        require(channels >= 1) { "a block of $channels channels" }
        require(samples.size % channels == 0) { "${samples.size} samples are no whole frames of $channels channels" }
    }
}

/** A song that is read from its beginning to its end, a block at a time; whoever reads it closes it. */
public interface PcmSource : Closeable {
    /** What messages and answers call it. */
    public val name: String

    /** How long it probably is, in seconds; null where that is not known. */
    public val seconds: Double?

    /**
     * The next block, of a second or less; null at the end.
     *
     * @throws AudioError it cannot be decoded.
     */
    public fun read(): PcmBlock?
}

/** The mean over channels. */
public fun downmix(interleaved: FloatArray, channels: Int): FloatArray {
    require(channels >= 1) { "$channels channels" }
    if (channels == 1) return interleaved
    return FloatArray(interleaved.size / channels) { frame ->
        var sum = 0f
        for (channel in 0 until channels) sum += interleaved[frame * channels + channel]
        sum / channels
    }
}

/**
 * Make sure that PCM holds sound, or silence.
 *
 * @throws AudioError a sample is no number, or far beyond full scale.
 */
internal fun checkPcm(pcm: FloatArray, name: String) {
    for (sample in pcm) {
        // Comparisons with what is no number are false.
        if (abs(sample) <= LOUDEST) continue
        if (sample.isNaN() || sample.isInfinite()) {
            throw AudioError("$name: holds samples that are not numbers; choose another file, or record it again")
        }
        throw AudioError("$name: holds samples of $sample where full scale is 1; choose another file, or record it again")
    }
}

/** @throws AudioError it is no rate of music. */
internal fun checkRate(sampleRate: Int, name: String) {
    if (sampleRate !in RATES) {
        throw AudioError("$name: states $sampleRate samples a second, no rate of music; choose another file")
    }
}

/**
 * A song as mono PCM at another rate, block by block, in memory that does not grow with it.
 *
 * @param rate the rate wanted, in Hz.
 * @param alive is called between blocks, and may throw to stop.
 * @throws AudioError while iterating: the song is empty, cannot be decoded, or changes its rate.
 */
internal fun PcmSource.mono(rate: Int, alive: () -> Unit = {}): Sequence<FloatArray> = sequence {
    var mixer: Mixer? = null
    while (true) {
        alive()
        val block = read() ?: break
        val current = mixer ?: Mixer(name, block.sampleRate, rate).also { mixer = it }
        yield(current.add(block))
    }
    val rest = mixer?.finish() ?: FloatArray(0)
    yield(rest)
}

/** From blocks of any channel count at one rate to mono PCM at another. */
internal class Mixer(private val name: String, private val from: Int, to: Int) {
    private val resampler: Resampler

    init {
        checkRate(from, name)
        resampler = Resampler(from, to)
    }

    /** @throws AudioError the block holds no sound, or has another rate than the first. */
    fun add(block: PcmBlock): FloatArray {
        if (block.sampleRate != from) {
            throw AudioError("$name: changes its rate from $from to ${block.sampleRate} Hz in the middle; convert it first")
        }
        val mono = downmix(block.samples, block.channels)
        checkPcm(mono, name)
        return resampler.add(mono)
    }

    fun finish(): FloatArray = resampler.finish()
}

/** Above this a file does not hold sound: full scale is 1, and 2^31 where whole numbers were taken for fractions. */
private const val LOUDEST = 1e9f

private val RATES = 1_000..768_000
