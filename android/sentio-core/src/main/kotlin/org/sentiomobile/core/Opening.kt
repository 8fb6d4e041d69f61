package org.sentiomobile.core

import java.io.File
import kotlin.math.abs
import org.sentiomobile.core.SentioException.ComputeError
import org.sentiomobile.core.SentioException.Damaged
import org.sentiomobile.core.SentioException.NoArtifact
import org.sentiomobile.core.model.Artifact
import org.sentiomobile.core.model.Backend
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.CheckedFolder
import org.sentiomobile.core.model.Form
import org.sentiomobile.core.model.Golden
import org.sentiomobile.core.model.Manifest
import org.sentiomobile.core.model.ModelFolder
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Processor
import org.sentiomobile.core.model.Running
import org.sentiomobile.core.model.compute
import org.sentiomobile.core.model.reason

/**
 * How a model is run.
 *
 * @property processors what is tried, in this order; the CPU is always the last resort. Another processor is taken only where
 * it gives the model's golden answers: graphics processors that compute in 16 bits may not.
 * @property threads how many the CPU may use, 1 or more.
 * @property tolerance how far another processor's answers may be from the golden ones, on the scale from -1 to 1.
 * @property cache a folder of the app's own, where runtimes keep what they compile for this device, so that the app opens
 * faster the next time; null to compile each time.
 */
public data class SentioOptions(
    val processors: List<Processor> = listOf(Processor.CPU),
    val threads: Int = Runtime.getRuntime().availableProcessors().coerceIn(1, 4),
    val tolerance: Double = 0.01,
    val cache: File? = null,
) {
    init {
        require(threads >= 1) { "$threads threads" }
        require(tolerance > 0) { "a tolerance of $tolerance" }
    }
}

/**
 * What a model runs on, and why.
 *
 * @property artifact the artifact that was chosen.
 * @property processor what it runs on.
 * @property description runtime, processor and threads in words.
 * @property passedOver processors that were tried first, each with the reason why it was not taken.
 */
public class RunsOn internal constructor(
    public val artifact: Artifact,
    public val processor: Processor,
    public val description: String,
    public val passedOver: List<String>,
)

/** A model that was loaded, and what it came from. */
internal class Loaded(val manifest: Manifest, val folder: CheckedFolder, val backend: Backend, val runsOn: RunsOn)

/**
 * Load the first artifact of a folder that the app has a back end for; every file is hashed before it is parsed.
 *
 * @throws SentioException see [Sentio.open].
 */
internal fun load(folder: ModelFolder, options: SentioOptions, factories: List<BackendFactory>): Loaded {
    val checked = CheckedFolder.open(folder)
    val manifest = checked.manifest
    val (artifact, factory) = manifest.artifacts.firstNotNullOfOrNull { artifact ->
        factories.firstOrNull { it.format == artifact.format }?.let { artifact to it }
    } ?: throw NoArtifact(
        "${folder.name}: has ${manifest.artifacts.joinToString().ifEmpty { "no artifact" }}; " +
            "this app runs ${factories.joinToString { it.format }.ifEmpty { "none" }}; package the model for Android",
    )
    checked.checkAll(artifact)
    val passedOver = ArrayList<String>()
    var last: Throwable? = null
    for (processor in (options.processors + Processor.CPU).distinct()) {
        last = try {
            if (processor !in factory.processors) throw Unfit("no way to it from ${factory.format}")
            val running = Running(processor, options.threads, options.cache, manifest.hashes[artifact.path].orEmpty())
            val backend = factory.open(checked.map(artifact.path), artifact, manifest.spec, running)
            try {
                if (processor != Processor.CPU) prove(backend, checked.golden(), artifact.form, options.tolerance)
            } catch (fault: Throwable) {
                closeAfter(fault, backend)
                throw fault
            }
            return Loaded(manifest, checked, backend, RunsOn(artifact, processor, backend.description, passedOver))
        } catch (fault: ComputeError) {
            fault
        } catch (fault: SentioException) {
            throw fault
        } catch (fault: Exception) {
            fault
        } catch (fault: OutOfMemoryError) {
            fault
        } catch (fault: LinkageError) {
            // A runtime whose native library is missing, or was built for another processor.
            fault
        }
        passedOver += "$processor: ${reason(last)}"
    }
    val place = "${folder.name}/${artifact.path}"
    if (last is OutOfMemoryError) throw ComputeError("$place: there is no memory for the model; close other apps", last)
    throw Damaged("$place: cannot be run (${passedOver.last()}); install the app again", last)
}

/** What went wrong first is told: a runtime that fails often fails once more when it is freed. */
private fun closeAfter(fault: Throwable, backend: Backend) {
    try {
        backend.close()
    } catch (another: Exception) {
        fault.addSuppressed(another)
    }
}

/** The golden vectors of a folder, after their hash was found to be right. */
internal fun CheckedFolder.golden(): Golden = Golden.read(map(Golden.FILE), manifest.spec, Golden.FILE)

/** How far a back end's answers are from the golden ones, at most. Not a number where an answer is not. */
internal fun Backend.distance(golden: Golden, form: Form): Double {
    var most = 0.0
    for (index in 0 until golden.count) {
        val answer = compute(golden.input(index, form))
        val wanted = golden.output(index)
        if (answer.size != wanted.size) throw Unfit("it answers ${answer.size} numbers, not ${wanted.size}")
        // maxOf keeps what is not a number.
        for (i in wanted.indices) most = maxOf(most, abs(answer[i] - wanted[i]).toDouble())
    }
    return most
}

private fun prove(backend: Backend, golden: Golden, form: Form, tolerance: Double) {
    val distance = backend.distance(golden, form)
    // A distance that is no number is no less than the tolerance, but not greater either.
    if (!(distance <= tolerance)) throw Unfit("answers are off by $distance, more than $tolerance")
}

private class Unfit(message: String) : Exception(message)

/**
 * One answer of a back end.
 *
 * @throws Damaged it is not two numbers.
 * @throws ComputeError the runtime failed.
 */
internal fun Backend.answer(input: FloatArray, spec: ModelSpec, song: String): Pair<Double, Double> {
    val answer = compute(input)
    if (answer.size != 2 || !answer.all { it.isFinite() }) {
        throw Damaged("$song: the model's answer is ${answer.toList()}, not two numbers for ${spec.outputName}; update the app")
    }
    return answer[0].toDouble() to answer[1].toDouble()
}
