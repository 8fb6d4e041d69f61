package org.sentiomobile.core

import java.io.ByteArrayInputStream
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.Assume.assumeTrue
import org.sentiomobile.core.audio.PcmBlock
import org.sentiomobile.core.audio.PcmSource
import org.sentiomobile.core.model.Artifact
import org.sentiomobile.core.model.Backend
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.ModelFolder
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Processor
import org.sentiomobile.core.model.Running
import org.sentiomobile.core.model.sha256

// Doubles of what the engine stands between: networks that are arithmetic, folders and songs in memory. The runtimes
// themselves need a phone; the demo's benchmark screen holds them to the golden vectors there.

/** A model folder in memory, right in every hash; [files] may then be spoilt. */
internal class MemoryFolder(val files: MutableMap<String, ByteArray>) : ModelFolder {
    val opened = ArrayList<String>()
    override val name = "sentio"

    override fun open(path: String): InputStream {
        opened += path
        return ByteArrayInputStream(files[path] ?: throw FileNotFoundException(path))
    }

    override fun map(path: String): ByteBuffer = ByteBuffer.wrap(files[path] ?: throw FileNotFoundException(path))
}

/** A small manifest, fast to run: clips of 3 s at 1000 Hz. */
internal fun manifestOf(
    files: Map<String, ByteArray>,
    formats: List<Pair<String, String>> = listOf("tflite" to "model.tflite"),
    form: String = "waveform",
    shortClip: String = "silence",
    uncertainty: Map<String, Any>? = null,
    pooling: String? = null,
    schema: Int = 3,
): Map<String, Any?> = linkedMapOf(
    "schema" to schema,
    "name" to "emotion",
    "release" to "1",
    "licence" to "unknown",
    "spec" to mapOf(
        "audio" to mapOf(
            "sample_rate" to RATE, "seconds" to SECONDS, "n_fft" to 64, "hop_length" to HOP, "n_mels" to 8, "f_min" to 20.0,
            "f_max" to 400.0, "floor_db" to -80.0, "normalization" to "db80", "short_clip" to shortClip,
            "image_size" to listOf(4, 6),
        ),
        "output_name" to "emotion",
        "outputs" to listOf("valence", "arousal"),
        "image_mean" to listOf(0.5, 0.5, 0.5),
        "image_sd" to listOf(0.2, 0.2, 0.2),
        "uncertainty" to uncertainty,
        "pooling" to pooling,
    ),
    "artifacts" to formats.map { (format, path) ->
        mapOf("format" to format, "precision" to "fp32", "form" to form, "path" to path)
    },
    "files" to files.mapValues { mapOf("sha256" to sha256Of(it.value), "bytes" to it.value.size) },
)

internal fun sha256Of(bytes: ByteArray): String = sha256(bytes.inputStream())

/** A folder of the manifest's small model. */
internal fun folderOf(
    manifest: (Map<String, ByteArray>) -> Map<String, Any?> = { manifestOf(it) },
    files: Map<String, ByteArray> = mapOf("model.tflite" to byteArrayOf(1, 2, 3)),
): MemoryFolder = MemoryFolder(
    (files + ("manifest.json" to Json.write(manifest(files)).toByteArray())).toMutableMap(),
)

/** One vector: [1, 2, 3] repeated to 7 samples, and the answer. */
internal fun goldenOf(valence: Float = 0.5f, arousal: Float = -0.25f): ByteArray {
    val header = """{"excerpt": {"dtype": "I16", "shape": [1, 3], "data_offsets": [0, 6]},
        "length": {"dtype": "I32", "shape": [1], "data_offsets": [6, 10]},
        "output": {"dtype": "F32", "shape": [1, 2], "data_offsets": [10, 18]}}""".toByteArray()
    val buffer = ByteBuffer.allocate(8 + header.size + 18).order(ByteOrder.LITTLE_ENDIAN)
    buffer.putLong(header.size.toLong()).put(header)
    for (sample in 1..3) buffer.putShort(sample.toShort())
    return buffer.putInt(7).putFloat(valence).putFloat(arousal).array()
}

/** Runs arithmetic, and watches that nobody else does meanwhile. */
internal class FakeFactory(
    override val format: String = "tflite",
    override val processors: Set<Processor> = setOf(Processor.CPU),
    private val compute: (Processor, FloatArray) -> FloatArray = { _, input -> floatArrayOf(input.first(), input.last()) },
) : BackendFactory {
    val opened = ArrayList<Processor>()
    var ran: Running? = null
    val closed = AtomicInteger()
    val runs = AtomicInteger()
    val inside = AtomicInteger()

    override fun open(
        model: ByteBuffer,
        artifact: Artifact,
        spec: ModelSpec,
        running: Running,
    ): Backend {
        val processor = running.processor
        opened += processor
        ran = running
        return object : Backend {
            private var free = false
            override val description = "fake, $processor, ${running.threads} threads"

            override fun run(input: FloatArray): FloatArray {
                check(inside.incrementAndGet() == 1) { "two runs at once" }
                check(!free) { "run after close" }
                runs.incrementAndGet()
                return try {
                    compute(processor, input)
                } finally {
                    inside.decrementAndGet()
                }
            }

            override fun close() {
                check(inside.get() == 0) { "closed while it runs" }
                free = true
                closed.incrementAndGet()
            }
        }
    }
}

/** A song made up block by block; counts what was read of it, and whether it was closed. */
internal class FakeSong(
    override val seconds: Double,
    private val sampleRate: Int = RATE,
    private val channels: Int = 1,
    private val block: Int = sampleRate / 2,
    private val sample: (frame: Long, channel: Int) -> Float = { frame, _ -> (frame % 997) / 1000f },
) : PcmSource {
    override val name = "song"
    var read = 0L
    var closed = false

    override fun read(): PcmBlock? {
        check(!closed) { "read after close" }
        val left = (seconds * sampleRate).toLong() - read
        if (left <= 0) return null
        val frames = minOf(left, block.toLong()).toInt()
        val samples = FloatArray(frames * channels) { sample(read + it / channels, it % channels) }
        read += frames
        return PcmBlock(samples, sampleRate, channels)
    }

    override fun close() {
        closed = true
    }
}

internal fun openFake(
    factory: FakeFactory = FakeFactory(),
    manifest: (Map<String, ByteArray>) -> Map<String, Any?> = { manifestOf(it) },
): Sentio = runBlocking { Sentio.open(folderOf(manifest), factories = listOf(factory)) }

/** Coroutines that hang fail. */
internal fun <T> soon(work: suspend CoroutineScope.() -> T): T = runBlocking { withTimeout(20_000, work) }

/** A test's body: JUnit wants functions that return nothing. */
internal fun testing(work: suspend CoroutineScope.() -> Unit): Unit = soon(work)

/** A file that stands beside the project in its repository; the test is skipped where it does not. */
internal fun beside(path: String): File {
    val start = File(System.getProperty("sentio.android") ?: "..").absoluteFile.normalize()
    val found = File(start, path)
    assumeTrue("$found is not here", found.exists())
    return found
}

internal const val RATE = 1000
internal const val SECONDS = 3.0
internal const val HOP = 16
