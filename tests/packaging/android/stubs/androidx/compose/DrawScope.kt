package androidx.compose.ui.graphics.drawscope

import androidx.compose.ui.geometry.Offset
import androidx.compose.ui.geometry.Size
import androidx.compose.ui.graphics.Color
import androidx.compose.ui.unit.Density

interface DrawScope : Density {
    val size: Size

    fun drawLine(color: Color, start: Offset, end: Offset, strokeWidth: Float = 1f, cap: Int = 0, alpha: Float = 1f)

    fun drawRect(color: Color, topLeft: Offset = Offset.Zero, size: Size = this.size, alpha: Float = 1f)

    fun drawCircle(color: Color, radius: Float = 0f, center: Offset = Offset.Zero, alpha: Float = 1f)
}
