package androidx.compose.ui

interface Modifier {
    companion object : Modifier
}

interface Alignment {
    companion object {
        val TopCenter: Alignment get() = TODO()
        val BottomCenter: Alignment get() = TODO()
        val CenterStart: Alignment get() = TODO()
        val CenterEnd: Alignment get() = TODO()
    }
}
