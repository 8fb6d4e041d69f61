package org.sentiomobile.demo

import androidx.compose.foundation.Canvas
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Box
import androidx.compose.foundation.layout.BoxScope
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.FlowRow
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.Path
import androidx.compose.ui.graphics.PathEffect
import androidx.compose.ui.graphics.drawscope.DrawScope
import androidx.compose.ui.graphics.drawscope.Stroke
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.unit.dp
import org.sentiomobile.core.Emotion

/** Valence and arousal over time; arousal is dashed, for those who do not tell the colours apart. */
@Composable
fun Trajectory(answers: List<Emotion>, modifier: Modifier = Modifier) {
    val first = answers.first()
    val last = answers.last()
    val description = stringResource(
        R.string.trajectory_description, answers.size, first.start.toInt(), last.end.toInt(),
    )
    val valence = MaterialTheme.colorScheme.primary
    val arousal = MaterialTheme.colorScheme.tertiary
    val zero = MaterialTheme.colorScheme.outline
    Column(
        modifier.clearAndSetSemantics { contentDescription = description },
        verticalArrangement = Arrangement.spacedBy(4.dp),
    ) {
        FlowRow(horizontalArrangement = Arrangement.spacedBy(16.dp)) {
            LegendEntry(stringResource(R.string.valence)) { drawCurve(level(), valence) }
            LegendEntry(stringResource(R.string.arousal)) { drawCurve(level(), arousal, DASH) }
        }
        Box(Modifier.fillMaxWidth()) {
            Canvas(Modifier.fillMaxWidth().height(120.dp)) {
                drawLine(zero, Offset(0f, 0f), Offset(size.width, 0f), alpha = 0.3f)
                drawLine(zero, Offset(0f, size.height / 2), Offset(size.width, size.height / 2))
                drawLine(zero, Offset(0f, size.height), Offset(size.width, size.height), alpha = 0.3f)
                drawCurve(points(answers) { it.valence }, valence)
                drawCurve(points(answers) { it.arousal }, arousal, DASH)
            }
            Level(R.string.highest, Alignment.TopEnd)
            Level(R.string.lowest, Alignment.BottomEnd)
        }
        Row(Modifier.fillMaxWidth(), horizontalArrangement = Arrangement.SpaceBetween) {
            Time(first)
            Time(last)
        }
    }
}

/** An end of the scale, at the right of the curve. */
@Composable
private fun BoxScope.Level(name: Int, place: Alignment) {
    Text(stringResource(name), Modifier.align(place), style = MaterialTheme.typography.labelSmall)
}

@Composable
private fun Time(answer: Emotion) {
    Text(stringResource(R.string.seconds, answer.time.toInt()), style = MaterialTheme.typography.labelSmall)
}

private fun DrawScope.level(): List<Offset> = listOf(Offset(0f, center.y), Offset(size.width, center.y))

private fun DrawScope.points(answers: List<Emotion>, value: (Emotion) -> Double): List<Offset> {
    val begin = answers.first().time
    val length = (answers.last().time - begin).coerceAtLeast(1e-3)
    return answers.map {
        val level = value(it).coerceIn(-1.0, 1.0)
        Offset(((it.time - begin) / length).toFloat() * size.width, ((1 - level) / 2).toFloat() * size.height)
    }
}

/** One path, so that dashes go on from point to point. */
private fun DrawScope.drawCurve(points: List<Offset>, color: Color, dash: Int? = null) {
    val path = Path()
    points.forEachIndexed { at, point -> if (at == 0) path.moveTo(point.x, point.y) else path.lineTo(point.x, point.y) }
    val effect = dash?.let { PathEffect.dashPathEffect(floatArrayOf(it.dp.toPx(), it.dp.toPx() / 2)) }
    drawPath(path, color, style = Stroke(2.dp.toPx(), pathEffect = effect))
}

private const val DASH = 6
