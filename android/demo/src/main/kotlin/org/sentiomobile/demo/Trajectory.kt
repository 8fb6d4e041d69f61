package org.sentiomobile.demo

import androidx.compose.foundation.Canvas
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.height
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.graphics.drawscope.DrawScope
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.clearAndSetSemantics
import androidx.compose.ui.semantics.contentDescription
import androidx.compose.ui.unit.dp
import org.sentiomobile.core.Emotion

/** Valence and arousal over time. */
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
    Column(modifier.clearAndSetSemantics { contentDescription = description }) {
        Row(horizontalArrangement = Arrangement.spacedBy(16.dp)) {
            Text(stringResource(R.string.valence), color = valence)
            Text(stringResource(R.string.arousal), color = arousal)
        }
        Canvas(Modifier.fillMaxWidth().height(120.dp)) {
            drawLine(zero, Offset(0f, size.height / 2), Offset(size.width, size.height / 2))
            drawCurve(answers, valence) { it.valence }
            drawCurve(answers, arousal) { it.arousal }
        }
    }
}

private fun DrawScope.drawCurve(answers: List<Emotion>, color: Color, value: (Emotion) -> Double) {
    val begin = answers.first().time
    val length = (answers.last().time - begin).coerceAtLeast(1e-3)
    val points = answers.map {
        val level = value(it).coerceIn(-1.0, 1.0)
        Offset(((it.time - begin) / length).toFloat() * size.width, ((1 - level) / 2).toFloat() * size.height)
    }
    points.zipWithNext { from, to -> drawLine(color, from, to, 2.dp.toPx()) }
}
