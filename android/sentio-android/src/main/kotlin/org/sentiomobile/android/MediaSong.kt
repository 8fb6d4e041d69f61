package org.sentiomobile.android

import android.content.ContentResolver
import android.content.Context
import android.media.AudioFormat
import android.media.MediaCodec
import android.media.MediaExtractor
import android.media.MediaFormat
import android.net.Uri
import android.provider.OpenableColumns
import java.io.IOException
import java.nio.ByteOrder
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.audio.PcmBlock
import org.sentiomobile.core.audio.PcmEncoding
import org.sentiomobile.core.audio.PcmSource

/**
 * A song that the phone's own decoders read, of any rate and channel count; no more is decoded than is asked for.
 *
 * What is decoded depends on the phone: wav, flac, ogg, opus, mp3 and m4a on all of them. A file that was cut ends where it
 * ends: Android does not tell.
 */
public class MediaSong private constructor(
    override val name: String,
    private val extractor: MediaExtractor,
    private val codec: MediaCodec,
    track: MediaFormat,
) : PcmSource {
    private val info = MediaCodec.BufferInfo()
    private var format = track
    private var fed = false
    private var ended = false
    private var closed = false

    override val seconds: Double? =
        if (track.containsKey(MediaFormat.KEY_DURATION)) track.getLong(MediaFormat.KEY_DURATION) / 1e6 else null

    override fun read(): PcmBlock? = decoding(name) {
        var idle = 0
        while (!ended) {
            feed()
            val index = codec.dequeueOutputBuffer(info, WAIT_US)
            if (index == MediaCodec.INFO_OUTPUT_FORMAT_CHANGED) {
                format = codec.outputFormat
            } else if (index >= 0) {
                idle = 0
                ended = info.flags and MediaCodec.BUFFER_FLAG_END_OF_STREAM != 0
                val block = take(index)
                if (block.samples.isNotEmpty()) return block
            } else if (++idle > MOST_IDLE) {
                throw AudioError("$name: the decoder does not answer; close other apps that play, and try again")
            }
        }
        return null
    }

    /** Decoder and file are freed; once more does nothing. */
    override fun close() {
        if (closed) return
        closed = true
        codec.release()
        extractor.release()
    }

    private fun feed() {
        if (fed) return
        val index = codec.dequeueInputBuffer(0)
        if (index < 0) return
        val buffer = codec.getInputBuffer(index) ?: return
        val size = extractor.readSampleData(buffer, 0)
        if (size < 0) {
            codec.queueInputBuffer(index, 0, 0, 0, MediaCodec.BUFFER_FLAG_END_OF_STREAM)
            fed = true
        } else {
            codec.queueInputBuffer(index, 0, size, extractor.sampleTime, 0)
            extractor.advance()
        }
    }

    private fun take(index: Int): PcmBlock {
        val encoding = encodingOf(format, name)
        val channels = format.getInteger(MediaFormat.KEY_CHANNEL_COUNT)
        val samples = codec.getOutputBuffer(index)?.let { buffer ->
            buffer.position(info.offset)
            buffer.limit(info.offset + info.size)
            encoding.decode(buffer.order(ByteOrder.nativeOrder()))
        } ?: FloatArray(0)
        codec.releaseOutputBuffer(index, false)
        return PcmBlock(samples, format.getInteger(MediaFormat.KEY_SAMPLE_RATE), channels)
    }

    public companion object {
        private const val WAIT_US = 10_000L

        /** Five seconds without a sound from the decoder. */
        private const val MOST_IDLE = 500

        /**
         * Open a song; call it off the main thread.
         *
         * @param uri what a document picker gave, or a file.
         * @throws AudioError it cannot be read, or holds no sound.
         */
        public fun open(context: Context, uri: Uri): MediaSong {
            val name = nameOf(context.contentResolver, uri)
            val extractor = MediaExtractor()
            return try {
                decoding(name) {
                    extractor.setDataSource(context, uri, null)
                    val track = (0 until extractor.trackCount).firstOrNull {
                        extractor.getTrackFormat(it).getString(MediaFormat.KEY_MIME).orEmpty().startsWith("audio/")
                    } ?: throw AudioError("$name: has no sound; choose an audio file")
                    extractor.selectTrack(track)
                    start(name, extractor, extractor.getTrackFormat(track))
                }
            } catch (fault: Throwable) {
                extractor.release()
                throw fault
            }
        }

        private fun start(name: String, extractor: MediaExtractor, track: MediaFormat): MediaSong {
            val codec = MediaCodec.createDecoderByType(track.getString(MediaFormat.KEY_MIME).orEmpty())
            return try {
                codec.configure(track, null, null, 0)
                codec.start()
                MediaSong(name, extractor, codec, track)
            } catch (fault: Throwable) {
                codec.release()
                throw fault
            }
        }

        private fun encodingOf(format: MediaFormat, name: String): PcmEncoding {
            if (!format.containsKey(MediaFormat.KEY_PCM_ENCODING)) return PcmEncoding.SIGNED_16
            return when (val encoding = format.getInteger(MediaFormat.KEY_PCM_ENCODING)) {
                AudioFormat.ENCODING_PCM_8BIT -> PcmEncoding.UNSIGNED_8
                AudioFormat.ENCODING_PCM_16BIT -> PcmEncoding.SIGNED_16
                AudioFormat.ENCODING_PCM_24BIT_PACKED -> PcmEncoding.SIGNED_24
                AudioFormat.ENCODING_PCM_32BIT -> PcmEncoding.SIGNED_32
                AudioFormat.ENCODING_PCM_FLOAT -> PcmEncoding.FLOAT
                else -> throw AudioError("$name: is decoded to the unknown encoding $encoding; convert it to wav or mp3")
            }
        }

        private inline fun <T> decoding(name: String, work: () -> T): T = try {
            work()
        } catch (fault: IOException) {
            throw AudioError("$name: cannot be read (${fault.message}); choose another file", fault)
        } catch (fault: SecurityException) {
            throw AudioError("$name: may no longer be read; choose it again", fault)
        } catch (fault: IllegalArgumentException) {
            throw AudioError("$name: cannot be decoded (${fault.message}); choose another file", fault)
        } catch (fault: IllegalStateException) {
            // Faults of a codec are of this kind, too.
            throw AudioError("$name: cannot be decoded (${fault.message}); choose another file", fault)
        }

        private fun nameOf(resolver: ContentResolver, uri: Uri): String {
            val shown = try {
                resolver.query(uri, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)?.use { row ->
                    if (row.moveToFirst()) row.getString(0) else null
                }
            } catch (refused: RuntimeException) {
                // A name is a nicety: what cannot be opened is told when it is read.
                null
            }
            return shown ?: uri.lastPathSegment ?: "song"
        }
    }
}
