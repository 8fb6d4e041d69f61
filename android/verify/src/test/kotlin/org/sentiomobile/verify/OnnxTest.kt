package org.sentiomobile.verify

import java.io.File
import java.nio.ByteBuffer
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.sentiomobile.core.Json
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioException
import org.sentiomobile.core.SentioOptions
import org.sentiomobile.core.model.BackendFactory
import org.sentiomobile.core.model.FileModelFolder
import org.sentiomobile.core.model.ModelFolder
import org.sentiomobile.core.model.Processor

/** The back end for ONNX Runtime with the real one, on model folders and their golden vectors. */
class OnnxTest {
    private val models = File(System.getProperty("sentio.models"))
    private val folders = checkNotNull(models.listFiles()) { "$models is no folder" }.filter { it.isDirectory }.sorted()

    @Test
    fun `every model gives the golden answers`() = runBlocking {
        assertTrue("$models has no model folders", folders.isNotEmpty())
        val report = File(System.getProperty("sentio.report")).apply { parentFile.mkdirs() }
        val lines = folders.map { folder ->
            Sentio.open(FileModelFolder(folder)).use { sentio ->
                val distance = sentio.checkDevice()
                val artifact = sentio.runsOn.artifact
                assertTrue("$artifact is off by $distance", distance <= MOST.getValue(artifact.precision))
                Json.write(
                    linkedMapOf("artifact" to "$artifact", "vectors" to sentio.golden().count, "max_diff" to distance),
                )
            }
        }
        report.writeText(lines.joinToString("") { it.replace("\n", " ") + "\n" })
    }

    @Test
    fun `a processor that this runtime was built without is passed over`() = runBlocking {
        val wanted = SentioOptions(processors = listOf(Processor.NNAPI))
        Sentio.open(FileModelFolder(folders.first()), wanted).use { sentio ->
            assertEquals(Processor.CPU, sentio.runsOn.processor)
            assertTrue(sentio.runsOn.passedOver.single().startsWith("NNAPI: "))
        }
    }

    @Test
    fun `a file that is no model is an error of the SDK`() {
        val broken = Broken(FileModelFolder(folders.first()))
        val fault = assertThrows(SentioException.Damaged::class.java) { runBlocking { Sentio.open(broken).close() } }
        assertTrue(fault.message.orEmpty(), "\n" !in fault.message.orEmpty())
    }

    @Test
    fun `the back end is found by its service file`() {
        assertEquals(listOf("onnx"), BackendFactory.installed().map { it.format })
    }

    /** A folder whose hashes are right, and whose model the runtime cannot read. */
    private class Broken(private val folder: ModelFolder) : ModelFolder by folder {
        override fun map(path: String): ByteBuffer =
            if (path.endsWith(".onnx")) ByteBuffer.allocateDirect(64) else folder.map(path)
    }

    private companion object {
        /** The largest differences from PyTorch that an export may have, by precision. */
        val MOST = mapOf("fp32" to 1e-4, "fp16" to 5e-3, "int8-dynamic" to 0.06, "int8" to 0.1)
    }
}
