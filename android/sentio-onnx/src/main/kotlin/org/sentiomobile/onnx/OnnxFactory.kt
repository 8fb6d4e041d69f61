package org.sentiomobile.onnx

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import ai.onnxruntime.providers.NNAPIFlags
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.util.EnumSet
import org.sentiomobile.core.model.Artifact
import org.sentiomobile.core.model.Backend
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.Form
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Processor
import org.sentiomobile.core.model.Running

/**
 * Runs `onnx` artifacts by ONNX Runtime.
 *
 * Its CPU kernels are its own; XNNPACK's are worth a try where a model is mostly convolutions. What an execution provider
 * cannot do, the CPU does.
 */
public class OnnxFactory : BackendFactory {
    override val format: String get() = "onnx"

    override val processors: Set<Processor> get() = setOf(Processor.CPU, Processor.XNNPACK, Processor.NNAPI)

    override fun open(
        model: ByteBuffer,
        artifact: Artifact,
        spec: ModelSpec,
        running: Running,
    ): Backend {
        val threads = running.threads
        val environment = OrtEnvironment.getEnvironment()
        val session = OrtSession.SessionOptions().use { options ->
            when (running.processor) {
                Processor.XNNPACK -> {
                    // It has threads of its own; two pools would wait for each other, spinning.
                    options.setIntraOpNumThreads(1)
                    options.addConfigEntry("session.intra_op.allow_spinning", "0")
                    options.addXnnpack(mapOf("intra_op_num_threads" to threads.toString()))
                }
                Processor.NNAPI -> {
                    options.setIntraOpNumThreads(threads)
                    options.addNnapi(EnumSet.of(NNAPIFlags.CPU_DISABLED))
                }
                else -> options.setIntraOpNumThreads(threads)
            }
            environment.createSession(model, options)
        }
        return OnnxBackend(environment, session, artifact, spec, "ONNX Runtime, ${running.processor}, $threads threads")
    }
}

private class OnnxBackend(
    private val environment: OrtEnvironment,
    private val session: OrtSession,
    artifact: Artifact,
    private val spec: ModelSpec,
    override val description: String,
) : Backend {
    private val shape = when (artifact.form) {
        Form.WAVEFORM -> longArrayOf(1, spec.audio.samples.toLong())
        Form.SPECTROGRAM -> longArrayOf(1, 3, spec.audio.height.toLong(), spec.audio.width.toLong())
    }
    private val inputName = session.inputNames.single()

    override fun run(input: FloatArray): FloatArray =
        OnnxTensor.createTensor(environment, FloatBuffer.wrap(input), shape).use { tensor ->
            session.run(mapOf(inputName to tensor), setOf(spec.outputName)).use { result ->
                val answer = (result.get(0) as OnnxTensor).floatBuffer
                FloatArray(answer.remaining()).also { answer.get(it) }
            }
        }

    override fun close() {
        // The environment is shared by the whole process, and stays.
        session.close()
    }
}
