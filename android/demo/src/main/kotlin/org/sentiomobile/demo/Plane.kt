package org.sentiomobile.demo

import androidx.compose.animation.core.animateFloatAsState
import androidx.compose.foundation.Canvas
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.aspectRatio
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
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.geometry.Size
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
    Box(
        modifier
            .widthIn(max = 480.dp)
            .fillMaxWidth()
            .aspectRatio(1f)
            .clearAndSetSemantics { contentDescription = description },
    ) {
        Drawing(newest, way)
        Text(stringResource(R.string.energetic), Modifier.align(Alignment.TopCenter))
        Text(stringResource(R.string.calm), Modifier.align(Alignment.BottomCenter))
        Text(stringResource(R.string.unpleasant), Modifier.align(Alignment.CenterStart).padding(bottom = 20.dp))
        Text(stringResource(R.string.pleasant), Modifier.align(Alignment.CenterEnd).padding(bottom = 20.dp))
    }
}

@Composable
private fun Drawing(newest: Emotion?, way: List<Emotion>) {
    val lines = MaterialTheme.colorScheme.outline
    val path = MaterialTheme.colorScheme.primary
    val point = MaterialTheme.colorScheme.tertiary
    val valence by animateFloatAsState(newest?.valence?.toFloat() ?: 0f, label = "valence")
    val arousal by animateFloatAsState(newest?.arousal?.toFloat() ?: 0f, label = "arousal")
    Canvas(Modifier.fillMaxSize()) {
        drawLine(lines, at(-1f, 0f), at(1f, 0f))
        drawLine(lines, at(0f, -1f), at(0f, 1f))
        way.zipWithNext { from, to ->
            val start = at(from.valence.toFloat(), from.arousal.toFloat())
            drawLine(path, start, at(to.valence.toFloat(), to.arousal.toFloat()), 2.dp.toPx(), alpha = 0.4f)
        }
        newest?.interval?.let {
            val corner = at(it.valence.low.toFloat(), it.arousal.high.toFloat())
            val opposite = at(it.valence.high.toFloat(), it.arousal.low.toFloat())
            drawRect(point, corner, Size(opposite.x - corner.x, opposite.y - corner.y), alpha = 0.15f)
        }
        if (newest != null) drawCircle(point, 10.dp.toPx(), at(valence, arousal))
    }
}

/** Where on the canvas a place of the plane is; answers may lie a little beyond its ends, and are drawn at them. */
private fun DrawScope.at(valence: Float, arousal: Float): Offset = Offset(
    (valence.coerceIn(-1f, 1f) + 1) / 2 * size.width,
    (1 - arousal.coerceIn(-1f, 1f)) / 2 * size.height,
)
