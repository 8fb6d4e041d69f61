package org.sentiomobile.demo

import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.height
import androidx.compose.foundation.layout.offset
import androidx.compose.foundation.layout.requiredWidth
import androidx.compose.foundation.layout.width
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.draw.clipToBounds
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.test.ExperimentalTestApi
import androidx.compose.ui.test.SkikoComposeUiTest
import androidx.compose.ui.test.isRoot
import androidx.compose.ui.text.style.TextOverflow
import androidx.compose.ui.unit.Density
import androidx.compose.ui.unit.dp
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The checks of [ScreensTest] find what they look for. */
@OptIn(ExperimentalTestApi::class)
class CheckTest {
    @Test
    fun `texts that are seen whole are no faults`() =
        assertEquals(emptyList<String>(), faultsOf { Column { repeat(2) { Text("two words") } } })

    @Test
    fun `a text that is too high for its place is found`() =
        assertFound("does not fit") { Text("one two three four five six seven", Modifier.width(60.dp).height(30.dp)) }

    @Test
    fun `a text that ends in an ellipsis is found`() =
        assertFound("ends too early") { Text("a long line", Modifier.width(40.dp), maxLines = 1, overflow = TextOverflow.Ellipsis) }

    @Test
    fun `a text that leaves the screen is found`() =
        assertFound("is cut off") { Text("too far to the right", Modifier.offset(x = 150.dp).requiredWidth(200.dp)) }

    @Test
    fun `a text that something around it cuts off is found`() =
        assertFound("is cut off") { Box(Modifier.height(10.dp).clipToBounds()) { Text("cut", Modifier.offset(y = (-5).dp)) } }

    @Test
    fun `a word that breaks is found`() = assertFound("breaks within a word") { Text("energetic", Modifier.width(40.dp)) }

    @Test
    fun `texts over one another are found where screen readers hear other words`() =
        assertFound("lie over one another") {
            Row(Modifier.clearAndSetSemantics {}) {
                Text("one")
                Text("other", Modifier.offset(x = (-10).dp))
            }
        }

    @Test
    fun `a screen that throws is found`() {
        assertThrows(IllegalStateException::class.java) { faultsOf { error("planted") } }
    }

    private fun assertFound(fault: String, content: @Composable () -> Unit) {
        val found = faultsOf(content)
        assertTrue("$found", found.any { fault in it })
    }

    private fun faultsOf(content: @Composable () -> Unit): List<String> =
        SkikoComposeUiTest(400, 400, density = Density(2f)).runTest {
            setContent { MaterialTheme(content = content) }
            faultsOf(onAllNodes(isRoot()).fetchSemanticsNodes().flatMap { textsOf(it.layoutInfo) })
        }
}
