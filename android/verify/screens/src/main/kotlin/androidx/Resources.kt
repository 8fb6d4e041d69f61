package androidx.compose.ui.res

import androidx.compose.runtime.Composable
import androidx.compose.runtime.remember
import androidx.compose.ui.graphics.painter.Painter
import androidx.compose.ui.graphics.vector.rememberVectorPainter
import androidx.compose.ui.platform.LocalDensity
import java.io.File
import java.util.Locale
import javax.xml.parsers.DocumentBuilderFactory
import org.sentiomobile.demo.R
import org.w3c.dom.Element
import org.xml.sax.InputSource

/** A text of the demo, as Android reads it. */
@Composable
fun stringResource(id: Int): String = texts.getValue(nameOf(R.string::class.java, id))

/** The same with values in it. */
@Composable
fun stringResource(id: Int, vararg formatArgs: Any): String = stringResource(id).format(Locale.US, *formatArgs)

/** A drawing of the demo. */
@Composable
fun painterResource(id: Int): Painter {
    val density = LocalDensity.current
    val name = nameOf(R.drawable::class.java, id)
    val image = remember(id, density) {
        folder.resolve("drawable/$name.xml").inputStream().use { loadXmlImageVector(InputSource(it), density) }
    }
    return rememberVectorPainter(image)
}

private val folder = File(System.getProperty("sentio.resources"))

private val texts: Map<String, String> by lazy {
    val file = folder.resolve("values/strings.xml")
    val found = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file).getElementsByTagName("string")
    (0 until found.length).map { found.item(it) as Element }.associate { it.getAttribute("name") to unescaped(it.textContent) }
}

/** Android's rules: blanks fold, a backslash keeps the next letter. */
private fun unescaped(text: String): String =
    text.trim().replace(Regex("\\s+"), " ").replace("\\n", "\n").replace(Regex("\\\\(.)"), "$1")

private fun nameOf(kind: Class<*>, id: Int): String =
    kind.declaredFields.first { it.type == Int::class.java && it.getInt(null) == id }.name
