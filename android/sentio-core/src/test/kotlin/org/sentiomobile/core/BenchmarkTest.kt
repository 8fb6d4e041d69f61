package org.sentiomobile.core

import java.time.Instant
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.sentiomobile.core.model.FileModelFolder

class BenchmarkTest {
    @Test
    fun `percentiles are of the runs, and JSON says what was run`() {
        val files = mapOf("a.tflite" to "f".repeat(64))
        val times = (100 downTo 1).map { it.toDouble() }
        val benchmark = Benchmark("LiteRT, CPU", "tflite waveform fp32", files, 5, times, 2e-6)
        assertEquals(listOf(50.0, 90.0, 99.0, 100.0), listOf(0.5, 0.9, 0.99, 1.0).map(benchmark::percentile))
        val device = Device("Maker", "a \"phone\"", "Android 16", isEmulator = false)
        val report = BenchmarkReport("emotion 1", listOf(benchmark), listOf("GPU: none"))
        val json = Json.read(report.toJson(device, Instant.parse("2026-11-30T12:00:00.5Z"))) as Map<*, *>
        val told = mapOf("kind" to "phone", "maker" to "Maker", "model" to "a \"phone\"", "system" to "Android 16")
        assertEquals(told, json["device"])
        assertEquals("2026-11-30T12:00:00Z", json["measured_at"])
        assertEquals(listOf("GPU: none"), json["passed_over"])
        val measured = (json["measured"] as List<*>).single() as Map<*, *>
        assertEquals(files, measured["files"])
        assertEquals(times, measured["milliseconds"])
        val emulated = Json.read(report.toJson(device.copy(isEmulator = true))) as Map<*, *>
        assertEquals("emulator", (emulated["device"] as Map<*, *>)["kind"])
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
        assertEquals(3, found.warmUp)
        assertEquals(sentio.manifest.filesOf(sentio.runsOn.artifact), found.files.keys.toList())
        assertTrue(found.files.values.all { it.length == 64 })
        assertTrue(found.goldenDistance > 0.1, "a network that answers 0 is far from the golden answers")
        assertFailsWith<IllegalArgumentException> { sentio.benchmark(runs = 49) }
    }
}
