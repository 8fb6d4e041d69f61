package org.sentiomobile.litert

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import org.sentiomobile.core.model.Artifact
import org.sentiomobile.core.model.Backend
import org.sentiomobile.core.model.Form
import org.sentiomobile.core.model.ModelSpec
import org.sentiomobile.core.model.Processor
import org.sentiomobile.core.model.Running
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Delegate
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor

/**
 * One interpreter on a thread of its own: a graphics delegate must be run by the thread that made it.
 *
 * @param delegate is called on that thread; null leaves the work to the CPU.
 */
internal class LiteRtBackend(
    model: ByteBuffer,
    artifact: Artifact,
    spec: ModelSpec,
    running: Running,
    delegate: () -> Delegate?,
) : Backend {
    private val worker = Executors.newSingleThreadExecutor { Thread(it, "sentio-litert") }
    private lateinit var interpreter: Interpreter
    private var delegate: Delegate? = null
    private val input = floats(inputsOf(spec, artifact.form))
    private val output = floats(OUTPUTS)

    override val description: String = when (running.processor) {
        Processor.CPU -> "LiteRT, CPU, ${running.threads} threads"
        else -> "LiteRT, ${running.processor}, what that cannot do on the CPU, ${running.threads} threads"
    }

    init {
        try {
            onWorker {
                this.delegate = delegate()
                val options = Interpreter.Options().setNumThreads(running.threads).setUseXNNPACK(true)
                this.delegate?.let(options::addDelegate)
                interpreter = Interpreter(model, options)
                expect(interpreter.getInputTensor(0), input.capacity())
                expect(interpreter.getOutputTensor(0), output.capacity())
            }
        } catch (fault: Throwable) {
            close()
            throw fault
        }
    }

    override fun run(input: FloatArray): FloatArray = onWorker {
        this.input.rewind()
        this.input.asFloatBuffer().put(input)
        output.rewind()
        interpreter.run(this.input, output)
        output.rewind()
        FloatArray(OUTPUTS).also { output.asFloatBuffer().get(it) }
    }

    override fun close() {
        try {
            onWorker {
                if (::interpreter.isInitialized) interpreter.close()
                // The interpreter used it until now.
                delegate?.close()
            }
        } finally {
            worker.shutdown()
        }
    }

    private fun <T> onWorker(work: () -> T): T = try {
        worker.submit(work).get()
    } catch (fault: ExecutionException) {
        throw fault.cause ?: fault
    }

    private fun expect(tensor: Tensor, bytes: Int) {
        check(tensor.dataType() == DataType.FLOAT32 && tensor.numBytes() == bytes) {
            "'${tensor.name()}' is ${tensor.dataType()} of ${tensor.numBytes()} bytes, not FLOAT32 of $bytes"
        }
    }

    private companion object {
        const val OUTPUTS = 2

        fun inputsOf(spec: ModelSpec, form: Form): Int = when (form) {
            Form.WAVEFORM -> spec.audio.samples
            Form.SPECTROGRAM -> 3 * spec.audio.height * spec.audio.width
        }

        fun floats(count: Int): ByteBuffer =
            ByteBuffer.allocateDirect(count * Float.SIZE_BYTES).order(ByteOrder.nativeOrder())
    }
}
