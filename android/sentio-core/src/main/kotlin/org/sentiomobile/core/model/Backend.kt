package org.sentiomobile.core.model

import java.nio.ByteBuffer
import java.util.ServiceLoader

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
     */
    public fun run(input: FloatArray): FloatArray
}

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
     * @param processor what it is to run on.
     * @param threads how many the CPU may use, 1 or more.
     * @throws Exception the runtime cannot run it on this processor; the message says why.
     */
    public fun open(
        model: ByteBuffer,
        artifact: Artifact,
        spec: ModelSpec,
        processor: Processor,
        threads: Int,
    ): Backend

    public companion object {
        /** The factories that this app was built with. */
        public fun installed(): List<BackendFactory> =
            ServiceLoader.load(BackendFactory::class.java, BackendFactory::class.java.classLoader).toList()
    }
}
