package org.sentiomobile.core.model

import org.sentiomobile.core.Json
import org.sentiomobile.core.JsonFault
import org.sentiomobile.core.SentioException.Damaged
import org.sentiomobile.core.SentioException.NewerSchema

/**
 * What a model folder says of itself.
 *
 * @property name the model's name.
 * @property release its release.
 * @property licence under which it may be used.
 * @property spec how it is fed and read.
 * @property artifacts its formats, the preferred one first.
 * @property hashes SHA-256, in hexadecimal, of each of its files.
 */
public data class Manifest(
    val name: String,
    val release: String,
    val licence: String,
    val spec: ModelSpec,
    val artifacts: List<Artifact>,
    val hashes: Map<String, String>,
) {
    /** The hashed files that make up an artifact: itself, or what lies in that folder. */
    internal fun filesOf(artifact: Artifact): List<String> =
        hashes.keys.filter { it == artifact.path || it.startsWith("${artifact.path}/") }

    internal companion object {
        const val FILE = "manifest.json"
        const val SCHEMA = 3

        /**
         * Read a manifest.
         *
         * @param text the file's.
         * @param place where it lies, for messages.
         * @throws NewerSchema it was written for a later version.
         * @throws Damaged it is not JSON, or a field is missing, of another type, or out of its range.
         */
        fun read(text: String, place: String): Manifest = try {
            val root = Fields.of(Json.read(text), "the manifest")
            val schema = root.integer("schema")
            if (schema > SCHEMA) {
                throw NewerSchema("$place: has schema $schema, this app reads $SCHEMA; update the app")
            }
            if (schema < SCHEMA) root.fault("schema $schema is older than $SCHEMA; export the model again")
            Manifest(
                name = root.text("name"),
                release = root.text("release"),
                licence = root.text("licence"),
                spec = specOf(root.fields("spec")),
                artifacts = root.list("artifacts").map { artifactOf(Fields.of(it, "artifacts")) },
                hashes = hashesOf(root.fields("files")),
            ).also { manifest ->
                manifest.artifacts.firstOrNull { manifest.filesOf(it).isEmpty() }?.let {
                    root.fault("has no hash for '${it.path}'")
                }
            }
        } catch (fault: JsonFault) {
            throw Damaged("$place: is damaged (${fault.message}); install the app again", fault)
        }

        private fun hashesOf(files: Fields): Map<String, String> = files.names.associateWith { name ->
            checkInside(name, files)
            val hash = files.fields(name).text("sha256")
            if (!HASH.matches(hash)) files.fault("the hash of '$name' is no SHA-256")
            hash
        }

        private fun artifactOf(entry: Fields): Artifact = Artifact(
            format = entry.text("format"),
            precision = entry.text("precision"),
            form = entry.choice("form", Form.entries) { it.word },
            path = entry.text("path").also { checkInside(it, entry) },
        )

        /** A path is taken apart by both separators and drive letters, so that it is inside on any system. */
        private fun checkInside(path: String, at: Fields) {
            val steps = path.split('/')
            if (path.any { it == '\\' || it == ':' || it < ' ' } || steps.any { it.isEmpty() || it == "." || it == ".." }) {
                at.fault("names '$path', a file outside the model's folder")
            }
        }

        private val HASH = Regex("[0-9a-f]{64}")
    }
}

private fun specOf(spec: Fields): ModelSpec {
    val outputs = spec.list("outputs")
    if (outputs != listOf("valence", "arousal")) spec.fault("outputs are $outputs, not valence and arousal")
    val pooling = spec.optional("pooling")
    if (pooling != null && pooling != "mean") spec.fault("pooling '$pooling' is unknown; update the app")
    return ModelSpec(
        audio = audioOf(spec.fields("audio")),
        outputName = spec.text("output_name"),
        imageMean = spec.numbers("image_mean", 3).map { it.toFloat() },
        imageSd = spec.numbers("image_sd", 3).map { it.toFloat() }.onEach {
            if (it <= 0f) spec.fault("image_sd must be above 0")
        },
        uncertainty = spec.optional("uncertainty")?.let { uncertaintyOf(Fields.of(it, "uncertainty")) },
        pooled = pooling == "mean",
    )
}

private fun uncertaintyOf(fields: Fields): Uncertainty {
    val (valence, arousal) = fields.numbers("half_width", 2).onEach {
        if (it < 0) fields.fault("half_width must not be below 0")
    }
    val coverage = fields.number("coverage")
    if (coverage !in 0.0..1.0) fields.fault("coverage must be from 0 to 1")
    return Uncertainty(coverage, valence, arousal, fields.integer("songs"))
}

private fun audioOf(audio: Fields): AudioSpec {
    val rate = audio.integer("sample_rate", 1000..768_000)
    val fft = audio.integer("n_fft", 16..65_536)
    if (fft and (fft - 1) != 0) audio.fault("n_fft $fft is no power of two")
    val low = audio.number("f_min")
    val high = audio.number("f_max")
    if (low < 0 || high <= low || high > rate / 2.0) audio.fault("mel bands from $low to $high Hz")
    val floor = audio.number("floor_db")
    if (floor >= 0) audio.fault("floor_db must be below 0")
    val seconds = audio.number("seconds")
    if (seconds * rate <= fft || seconds > 3600) audio.fault("clips of $seconds s")
    val (height, width) = audio.numbers("image_size", 2).map {
        if (it != it.toInt().toDouble() || it !in 1.0..4096.0) audio.fault("image_size must be whole, from 1 to 4096")
        it.toInt()
    }
    return AudioSpec(
        sampleRate = rate,
        seconds = seconds,
        fftSize = fft,
        hop = audio.integer("hop_length", 1..fft),
        mels = audio.integer("n_mels", 2..1024),
        lowestHz = low,
        highestHz = high,
        floorDb = floor.toFloat(),
        normalization = audio.choice("normalization", Normalization.entries) { it.word },
        shortClip = audio.choice("short_clip", ShortClip.entries) { it.word },
        height = height,
        width = width,
    )
}
