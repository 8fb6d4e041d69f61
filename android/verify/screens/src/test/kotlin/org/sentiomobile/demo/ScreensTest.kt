package org.sentiomobile.demo

import android.os.Build
import androidx.compose.ui.test.ExperimentalTestApi
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Test

/** Every screen on every phone is drawn, and its texts are seen whole. */
@OptIn(ExperimentalTestApi::class)
class ScreensTest {
    private val out = File(System.getProperty("sentio.screens"))
    private val phones = linkedMapOf(
        "light" to Phone(),
        "dark" to Phone(dark = true),
        "large" to Phone(fontScale = 2f),
        "wide" to Phone(width = 840, height = 720),
    )

    @Test
    fun `texts of the first screen are seen whole`() {
        val faults = phones.flatMap { (kind, phone) ->
            STATES.flatMap { (name, state) -> look("$name $kind", phone, state) }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun `texts of the library are seen whole`() {
        val faults = phones.flatMap { (kind, phone) ->
            LIBRARIES.flatMap { (name, state) -> look("$name $kind", phone, state, Tab.LIBRARY) }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun `texts of the benchmark are seen whole`() {
        val faults = phones.flatMap { (kind, phone) ->
            BENCHMARKS.flatMap { (name, state) -> look("$name $kind", phone, state, Tab.BENCHMARK) }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun `texts are seen whole in the phone's own colours`() {
        val faults = listOf("light" to false, "dark" to true).flatMap { (kind, dark) ->
            look("result own $kind", Phone(android = Build.VERSION_CODES.S, dark = dark), STATES.getValue("result"))
        }
        assertEquals(emptyList<String>(), faults)
    }

    /** Draw a screen as it is first seen, and again as high as it needs to be; say what is wrong with its texts. */
    private fun look(name: String, phone: Phone, state: DemoState, first: Tab = Tab.LISTEN): List<String> {
        var file = "$name.png"
        var height = phone.height
        while (height < HIGHEST) {
            val (beyond, faults) = onPhone(phone.copy(height = height), state, first) { shown ->
                shown.save(out.resolve(file))
                shown.beyond() to faultsOf(shown.texts())
            }
            if (beyond == 0) return faults.map { "$name: $it" }
            // What is below the edge now is scrolled to on a phone; a list does not tell how much of it there is.
            height += beyond
            file = "$name, whole.png"
        }
        return listOf("$name: is higher than $HIGHEST dp")
    }

    private companion object {
        const val HIGHEST = 4_000
    }
}
