package org.sentiomobile.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.sentiomobile.core.model.FileModelFolder

class BenchmarkTest {
    @Test
    fun `percentiles are of the runs, and JSON says what was run`() {
        val benchmark = Benchmark("LiteRT, CPU", "tflite waveform fp32", (100 downTo 1).map { it.toDouble() }, 2e-6)
        assertEquals(listOf(50.0, 90.0, 99.0, 100.0), listOf(0.5, 0.9, 0.99, 1.0).map(benchmark::percentile))
        val text = BenchmarkReport(listOf(benchmark), listOf("GPU: none")).toJson(mapOf("model" to "a \"phone\""))
        val json = Json.read(text) as Map<*, *>
        assertEquals(mapOf("model" to "a \"phone\""), json["device"])
        assertEquals(listOf("GPU: none"), json["passed_over"])
        val measured = (json["measured"] as List<*>).single() as Map<*, *>
        assertEquals(100.0, measured["runs"])
        assertEquals(90.0, measured["p90_ms"])
        assertFailsWith<IllegalArgumentException> { benchmark.percentile(0.0) }
    }

    @Test
    fun `the warm-up is not timed, the golden vectors are held against the answers`() = testing {
        val factory = FakeFactory { _, _ -> floatArrayOf(0f, 0f) }
        val sentio = Sentio.open(FileModelFolder(beside("demo/src/main/assets/sentio")), factories = listOf(factory))
        val shares = ArrayList<Float>()
        val found = sentio.benchmark(runs = 50, warmUp = 3) { shares += it }
        assertEquals(50, found.milliseconds.size)
        assertEquals(4 + 3 + 50, factory.runs.get())
        assertEquals(1f, shares.last())
        assertTrue(found.goldenDistance > 0.1, "a network that answers 0 is far from the golden answers")
        assertFailsWith<IllegalArgumentException> { sentio.benchmark(runs = 49) }
    }
}
