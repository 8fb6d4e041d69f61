package org.sentiomobile.demo

import android.provider.Settings
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.onNodeWithText
import androidx.compose.ui.test.performClick
import androidx.compose.ui.test.performScrollTo
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** The way of somebody who refuses the microphone, and of a report that is handed on. */
@OptIn(ExperimentalTestApi::class)
class AnswersTest {
    private val out = File(System.getProperty("sentio.screens"))

    @Test
    fun `who refused the microphone is told why it is asked for, and where to allow it`() {
        val phones = mapOf("light" to Phone(), "dark" to Phone(dark = true), "large" to Phone(height = 1400, fontScale = 2f))
        val faults = phones.flatMap { (kind, phone) ->
            onPhone(phone.copy(refused = true), STATES.getValue("idle")) { shown ->
                onNodeWithText("Use the microphone").performClick()
                shown.settle()
                shown.save(out.resolve("reason $kind.png"))
                val asking = shown.texts()
                assertTrue(asking.any { it.words == "May the app listen?" })
                onNodeWithText("Go on").performClick()
                shown.settle()
                shown.save(out.resolve("refused $kind.png"))
                val refused = shown.texts()
                assertTrue(refused.any { it.words.startsWith("The microphone was refused") })
                onNodeWithText("Open the settings").performClick()
                val opened = shown.activity.opened.single()
                assertEquals(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, opened.action)
                assertEquals("package:org.sentiomobile.demo", opened.data?.text)
                // Below the dialog the screen's own texts go on.
                asking.flatMap { it.faults() } + faultsOf(refused)
            }.map { "$kind: $it" }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun `all music is asked for with the reason, and then analyzed, until that is cancelled`() {
        onPhone(Phone(), STATES.getValue("idle"), Tab.LIBRARY) { shown ->
            onNodeWithText("Analyze all music").performClick()
            assertEquals(listOf("start library"), shown.asked.what)
        }
        onPhone(Phone(), LIBRARIES.getValue("library running"), Tab.LIBRARY) { shown ->
            onNodeWithText("Cancel").performClick()
            assertEquals(listOf("cancel library"), shown.asked.what)
        }
        val phones = mapOf("light" to Phone(), "large" to Phone(height = 1400, fontScale = 2f))
        val faults = phones.flatMap { (kind, phone) ->
            onPhone(phone.copy(refused = true), STATES.getValue("idle"), Tab.LIBRARY) { shown ->
                onNodeWithText("Analyze all music").performClick()
                shown.settle()
                shown.save(out.resolve("music reason $kind.png"))
                val asking = shown.texts()
                assertTrue(asking.any { it.words == "May the app read your music?" })
                onNodeWithText("Go on").performClick()
                shown.settle()
                shown.save(out.resolve("music refused $kind.png"))
                val refused = shown.texts()
                assertTrue(refused.any { it.words.startsWith("The music was refused") })
                assertEquals(emptyList<String>(), shown.asked.what)
                asking.flatMap { it.faults() } + faultsOf(refused)
            }.map { "$kind: $it" }
        }
        assertEquals(emptyList<String>(), faults)
    }

    @Test
    fun `a report is handed on as JSON`() {
        val report = File.createTempFile("benchmark", ".json").apply { writeText("{}") }
        val state = BENCHMARKS.getValue("benchmark").copy(reportFile = report.path)
        onPhone(Phone(), state) { shown ->
            onNodeWithText("Speed").performClick()
            shown.settle()
            onNodeWithText("Share as JSON").performScrollTo().performClick()
            val sent = shown.activity.opened.single()
            assertEquals("application/json", sent.type)
            assertEquals(listOf("{}"), sent.extras.values.toList())
        }
        report.delete()
    }
}
