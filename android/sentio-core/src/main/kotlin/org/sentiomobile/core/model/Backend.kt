package org.sentiomobile.core.model

import java.io.File
import java.nio.ByteBuffer
import java.util.ServiceLoader
import org.sentiomobile.core.SentioException
import org.sentiomobile.core.SentioException.ComputeError

/** What a network may be run on. */
public enum class Processor {
    /** The processor's own cores; always there, and what answers were proved on. */
    CPU,

    /** The same cores through XNNPACK, where a runtime has kernels of its own beside it. */
    XNNPACK,

    /** The graphics processor. */
    GPU,

    /** Android's Neural Networks API; deprecated since Android 15, and still the way to some older accelerators. */
    NNAPI,
}

/** A loaded network. One thread at a time calls it; `Sentio` sees to that. */
public interface Backend : AutoCloseable {
    /** Runtime, processor and threads in words, for screens and reports: `LiteRT, CPU, 4 threads`. */
    public val description: String

    /**
     * Run it.
     *
     * @param input what the artifact's form says, row by row.
     * @return the one output, row by row: valence and arousal.
     * @throws Exception the runtime failed; [compute] makes a [ComputeError] of it.
     */
    public fun run(input: FloatArray): FloatArray
}

/**
 * Run a back end, whatever its runtime throws.
 *
 * @throws ComputeError it failed, or there was no memory for it.
 */
internal fun Backend.compute(input: FloatArray): FloatArray = try {
    run(input)
} catch (fault: SentioException) {
    throw fault
} catch (fault: Exception) {
    throw ComputeError("the model could not be run by $description (${reason(fault)}); open the app again", fault)
} catch (fault: OutOfMemoryError) {
    throw ComputeError("there is no memory to run the model by $description; close other apps", fault)
} catch (fault: LinkageError) {
    throw ComputeError("the model could not be run by $description (${reason(fault)}); install the app again", fault)
}

/** What went wrong, in one line: runtimes write several. */
internal fun reason(fault: Throwable): String =
    fault.message?.lineSequence()?.map(String::trim)?.firstOrNull(String::isNotEmpty) ?: fault.javaClass.simpleName

/**
 * How an artifact is to be run.
 *
 * @property processor what it is to run on.
 * @property threads how many the CPU may use, 1 or more.
 * @property cache a folder of the app's own, where a runtime may keep what it compiled for this device; null for none.
 * @property token what tells this artifact from every other one, as names of files there: its SHA-256.
 */
public class Running(
    public val processor: Processor,
    public val threads: Int,
    public val cache: File? = null,
    public val token: String = "",
)

/**
 * A way to run one format. Implementations are found by [ServiceLoader], so that an app has those that it was built with:
 * each is named in `META-INF/services/org.sentiomobile.core.model.BackendFactory` of its module.
 */
public interface BackendFactory {
    /** The format of artifacts that it runs. */
    public val format: String

    /** The processors that it can try. */
    public val processors: Set<Processor>

    /**
     * Load a network.
     *
     * @param model the artifact's file, whose hash was checked; a direct buffer that stays valid.
     * @param artifact what it is.
     * @param spec how it is fed and read.
     * @param running on what, and with what.
     * @throws Exception the runtime cannot run it on this processor; the message says why.
     */
    public fun open(
        model: ByteBuffer,
        artifact: Artifact,
        spec: ModelSpec,
        running: Running,
    ): Backend

    public companion object {
        /** The factories that this app was built with. */
        public fun installed(): List<BackendFactory> =
            ServiceLoader.load(BackendFactory::class.java, BackendFactory::class.java.classLoader).toList()
    }
}
