package org.sentiomobile.core.model

import kotlin.math.roundToInt

/** What a model is fed. */
public enum class Form(internal val word: String) {
    /** PCM, float32 [1, samples], full scale at -1 and 1: the front end is part of the model. */
    WAVEFORM("waveform"),

    /** The standardized picture of a log-mel spectrogram, float32 [1, 3, height, width]. */
    SPECTROGRAM("spectrogram"),
}

/** How the levels of a picture are scaled before the model sees them. */
public enum class Normalization(internal val word: String) {
    /** From the floor to 0 dB as [0, 1]. */
    DB80("db80"),

    /** Zero mean and unit standard deviation over the clip. */
    ZSCORE("zscore"),
}

/** What fills up a clip that is shorter than the model's. */
public enum class ShortClip(internal val word: String) {
    /** Silence after it. */
    SILENCE("silence"),

    /** The same again, from its beginning. */
    LOOP("loop"),
}

/**
 * The front end: from PCM to the picture that a model looks at.
 *
 * @property sampleRate PCM samples a second, in Hz.
 * @property seconds length of a clip.
 * @property fftSize samples of a Fourier frame, a power of two.
 * @property hop samples from one frame to the next.
 * @property mels mel bands.
 * @property lowestHz where the lowest band begins.
 * @property highestHz where the highest band ends.
 * @property floorDb the softest level that is told apart, in dB relative to the clip's loudest cell.
 * @property normalization how levels are scaled.
 * @property shortClip what fills up a clip that is too short.
 * @property height rows of the picture.
 * @property width columns of the picture.
 */
public data class AudioSpec(
    val sampleRate: Int = 22050,
    val seconds: Double = 30.0,
    val fftSize: Int = 2048,
    val hop: Int = 512,
    val mels: Int = 128,
    val lowestHz: Double = 20.0,
    val highestHz: Double = 8000.0,
    val floorDb: Float = -80f,
    val normalization: Normalization = Normalization.DB80,
    val shortClip: ShortClip = ShortClip.SILENCE,
    val height: Int = 224,
    val width: Int = 224,
) {
    /** PCM samples of a clip. */
    val samples: Int get() = (sampleRate * seconds).roundToInt()

    /** Spectrogram frames of a clip; they are centred. */
    val frames: Int get() = 1 + samples / hop
}

/**
 * How far a model may be off: a new song's value is within [valence] or [arousal] of the answer with probability [coverage].
 *
 * @property coverage from 0 to 1, for each output by itself.
 * @property valence half the interval's width.
 * @property arousal half the interval's width.
 * @property songs how many songs it was measured on.
 */
public data class Uncertainty(val coverage: Double, val valence: Double, val arousal: Double, val songs: Int)

/**
 * What a caller must know to feed a model and read its answer, valence and arousal, in this order, from -1 to 1.
 *
 * @property audio the front end.
 * @property outputName the name of the one output.
 * @property imageMean mean of each channel, for standardizing.
 * @property imageSd standard deviation of each channel.
 * @property uncertainty how far answers may be off; null where it was not measured.
 * @property pooled whether a song's answer is the mean over all its clips, rather than that of the first.
 */
public data class ModelSpec(
    val audio: AudioSpec = AudioSpec(),
    val outputName: String = "emotion",
    val imageMean: List<Float> = listOf(0.485f, 0.456f, 0.406f),
    val imageSd: List<Float> = listOf(0.229f, 0.224f, 0.225f),
    val uncertainty: Uncertainty? = null,
    val pooled: Boolean = false,
)

/**
 * One exported model of a folder.
 *
 * @property format the runtime's: `tflite`, `onnx`, and others that this platform may not have.
 * @property precision how wide its weights are.
 * @property form what it is fed.
 * @property path where it lies in the folder.
 */
public data class Artifact(val format: String, val precision: String, val form: Form, val path: String) {
    override fun toString(): String = "$format ${form.word} $precision"
}
