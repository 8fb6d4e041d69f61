package org.sentiomobile.demo

import androidx.compose.ui.geometry.Rect
import androidx.compose.ui.layout.LayoutInfo
import androidx.compose.ui.layout.boundsInRoot
import androidx.compose.ui.layout.positionInRoot
import androidx.compose.ui.semantics.SemanticsActions
import androidx.compose.ui.semantics.SemanticsConfiguration
import androidx.compose.ui.semantics.getOrNull
import androidx.compose.ui.text.TextLayoutResult
import androidx.compose.ui.unit.toSize

/**
 * A text on a screen.
 *
 * @property words what it says.
 * @property place where it was laid out, in pixels.
 * @property seen the part of its place that nothing around it cuts off.
 */
internal class Text(private val layout: TextLayoutResult, val place: Rect, val seen: Rect) {
    val words: String get() = layout.layoutInput.text.text

    /** What a reader would complain of. */
    fun faults(): List<String> = buildList {
        val lines = 0 until layout.lineCount
        // `hasVisualOverflow` holds for every line whose size is no whole number of pixels.
        val wide = lines.any { layout.getLineRight(it) - layout.getLineLeft(it) > place.width + 1 }
        if (wide || layout.multiParagraph.height > place.height + 1) add("does not fit in its place")
        if (layout.getLineEnd(lines.last) < words.length) add("ends too early")
        if (seen.width < place.width - 1 || seen.height < place.height - 1) add("is cut off: $seen of $place")
        lines.map(layout::getLineEnd).filter { it in 1 until words.length }.forEach { end ->
            if (words[end - 1].isLetterOrDigit() && words[end].isLetterOrDigit()) add("breaks within a word at $end")
        }
    }.map { "\"$words\" $it" }
}

/** All texts of a window, those too that screen readers are told in other words. */
internal fun textsOf(window: LayoutInfo): List<Text> =
    textsBelow(window, Rect(0f, 0f, window.width.toFloat(), window.height.toFloat()))

private fun textsBelow(node: LayoutInfo, window: Rect): List<Text> = buildList {
    node.configuration?.getOrNull(SemanticsActions.GetTextLayoutResult)?.action?.let { ask ->
        val results = mutableListOf<TextLayoutResult>()
        ask(results)
        val place = Rect(node.coordinates.positionInRoot(), node.coordinates.size.toSize())
        results.forEach { add(Text(it, place, node.coordinates.boundsInRoot().intersect(window))) }
    }
    node.children.filter { it.isPlaced }.forEach { addAll(textsBelow(it, window)) }
}

/** What is wrong with the texts of a screen. */
internal fun faultsOf(texts: List<Text>): List<String> {
    check(texts.isNotEmpty()) { "no text was found" }
    return texts.flatMap { it.faults() } + overlaps(texts)
}

/** Texts that are written over one another. */
private fun overlaps(texts: List<Text>): List<String> = texts.flatMapIndexed { at, one ->
    texts.drop(at + 1).filter { it.seen.deflate(1f).overlaps(one.seen.deflate(1f)) }
        .map { "\"${one.words}\" and \"${it.words}\" lie over one another" }
}

// Compose keeps both to itself; there is no other way to texts whose semantics were replaced.
private val LayoutInfo.configuration get() = ask("getSemanticsConfiguration") as SemanticsConfiguration?

@Suppress("UNCHECKED_CAST")
private val LayoutInfo.children get() = ask("getChildrenInfo") as List<LayoutInfo>

private fun LayoutInfo.ask(name: String): Any? = SEMANTICS_INFO.getMethod(name).invoke(this)

private val SEMANTICS_INFO = Class.forName("androidx.compose.ui.semantics.SemanticsInfo")
