package org.sentiomobile.demo

import androidx.compose.animation.core.animateFloatAsState
import androidx.compose.foundation.Canvas
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.aspectRatio
import androidx.compose.foundation.layout.fillMaxHeight
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.widthIn
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.runtime.getValue
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.geometry.CornerRadius
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.geometry.Size
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.drawscope.DrawScope
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.unit.dp
import org.sentiomobile.core.Emotion

/** The plane of valence, to the right, and arousal, upwards: the newest answer, its interval, and the way that led there. */
@Composable
fun Plane(newest: Emotion?, way: List<Emotion>, modifier: Modifier = Modifier) {
    val description = newest?.let {
        stringResource(R.string.plane_description, wordsOf(it), it.valence, it.arousal)
    } ?: stringResource(R.string.plane_empty)
    // Of silence, the values say nothing.
    val heard = newest?.takeUnless { it.silent }
    Column(
        modifier.widthIn(max = 480.dp).fillMaxWidth().clearAndSetSemantics { contentDescription = description },
        verticalArrangement = Arrangement.spacedBy(4.dp),
        horizontalAlignment = Alignment.CenterHorizontally,
    ) {
        // The ends of the upright axis stand outside, so that it does not strike them through.
        End(R.string.energetic)
        Box(Modifier.fillMaxWidth().aspectRatio(1f)) {
            Drawing(heard, way)
            // The other two stand on their axis, however large letters are.
            Box(Modifier.fillMaxWidth().fillMaxHeight(0.5f).padding(horizontal = 8.dp, vertical = 2.dp)) {
                End(R.string.unpleasant, Modifier.align(Alignment.BottomStart))
                End(R.string.pleasant, Modifier.align(Alignment.BottomEnd))
            }
        }
        End(R.string.calm)
        if (heard != null) Legend(heard, way)
    }
}

/** What an end of an axis is called. */
@Composable
private fun End(name: Int, modifier: Modifier = Modifier) {
    Text(stringResource(name), modifier, style = MaterialTheme.typography.labelLarge)
}

@Composable
private fun Legend(newest: Emotion, way: List<Emotion>) {
    val path = MaterialTheme.colorScheme.primary
    val point = MaterialTheme.colorScheme.tertiary
    FlowRow(horizontalArrangement = Arrangement.spacedBy(16.dp)) {
        LegendEntry(stringResource(R.string.legend_newest)) { drawPoint(point, center, size.height / 2) }
        newest.interval?.let {
            LegendEntry(stringResource(R.string.legend_interval, (100 * it.coverage).toInt())) {
                drawInterval(point, Offset.Zero, size)
            }
        }
        if (way.size > 1) {
            LegendEntry(stringResource(R.string.legend_way)) {
                drawWay(path, Offset(0f, center.y), Offset(size.width, center.y))
            }
        }
    }
}

@Composable
private fun Drawing(newest: Emotion?, way: List<Emotion>) {
    val ground = MaterialTheme.colorScheme.surfaceContainer
    val lines = MaterialTheme.colorScheme.outline
    val path = MaterialTheme.colorScheme.primary
    val point = MaterialTheme.colorScheme.tertiary
    val valence by animateFloatAsState(newest?.valence?.toFloat() ?: 0f, label = "valence")
    val arousal by animateFloatAsState(newest?.arousal?.toFloat() ?: 0f, label = "arousal")
    Canvas(Modifier.fillMaxSize()) {
        drawRoundRect(ground, cornerRadius = CornerRadius(12.dp.toPx()))
        drawLine(lines, at(-1f, 0f), at(1f, 0f))
        drawLine(lines, at(0f, -1f), at(0f, 1f))
        way.zipWithNext { from, to ->
            val start = at(from.valence.toFloat(), from.arousal.toFloat())
            drawWay(path, start, at(to.valence.toFloat(), to.arousal.toFloat()))
        }
        newest?.interval?.let {
            val corner = at(it.valence.low.toFloat(), it.arousal.high.toFloat())
            val opposite = at(it.valence.high.toFloat(), it.arousal.low.toFloat())
            drawInterval(point, corner, Size(opposite.x - corner.x, opposite.y - corner.y))
        }
        if (newest != null) drawPoint(point, at(valence, arousal), 10.dp.toPx())
    }
}

private fun DrawScope.drawPoint(color: Color, place: Offset, radius: Float) = drawCircle(color, radius, place)

private fun DrawScope.drawInterval(color: Color, corner: Offset, size: Size) = drawRect(color, corner, size, alpha = 0.25f)

private fun DrawScope.drawWay(color: Color, from: Offset, to: Offset) =
    drawLine(color, from, to, 2.dp.toPx(), alpha = 0.7f)

/** Where on the canvas a place of the plane is; answers may lie a little beyond its ends, and are drawn at them. */
private fun DrawScope.at(valence: Float, arousal: Float): Offset = Offset(
    (valence.coerceIn(-1f, 1f) + 1) / 2 * size.width,
    (1 - arousal.coerceIn(-1f, 1f)) / 2 * size.height,
)
