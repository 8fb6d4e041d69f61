package org.sentiomobile.litert

import java.nio.ByteBuffer
import org.sentiomobile.core.model.Artifact
import org.sentiomobile.core.model.Backend
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Processor
import org.sentiomobile.core.model.Running
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.gpu.CompatibilityList
import org.tensorflow.lite.gpu.GpuDelegate
import org.tensorflow.lite.gpu.GpuDelegateFactory
import org.tensorflow.lite.nnapi.NnApiDelegate

/**
 * Runs `tflite` artifacts by LiteRT's interpreter.
 *
 * The interpreter is fed the very bytes whose hash was checked, mapped from the app's package and never copied. The CPU means
 * XNNPACK here. Delegates are told to keep 32 bits: decibels of soft bands are lost in 16.
 */
public class LiteRtFactory : BackendFactory {
    override val format: String get() = "tflite"

    override val processors: Set<Processor> get() = setOf(Processor.CPU, Processor.GPU, Processor.NNAPI)

    override fun open(
        model: ByteBuffer,
        artifact: Artifact,
        spec: ModelSpec,
        running: Running,
    ): Backend = LiteRtBackend(model, artifact, spec, running) {
        when (running.processor) {
            Processor.GPU -> gpu(running)
            Processor.NNAPI -> NnApiDelegate(NnApiDelegate.Options().setAllowFp16(false).setUseNnapiCpu(false))
            else -> null
        }
    }

    private fun gpu(running: Running): Delegate {
        val supported = CompatibilityList().use { it.isDelegateSupportedOnThisDevice }
        check(supported) { "this phone's graphics processor is not supported" }
        val options = GpuDelegateFactory.Options()
        options.setPrecisionLossAllowed(false)
        // Compiling shaders takes seconds; those of this very model are kept.
        running.cache?.let { options.setSerializationParams(it.path, running.token) }
        return GpuDelegate(options)
    }
}
