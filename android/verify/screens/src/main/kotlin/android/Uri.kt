package android.net

/** An address of a file or of an app. */
data class Uri(val text: String) {
    companion object {
        fun fromParts(scheme: String, part: String, fragment: String?): Uri =
            Uri("$scheme:$part" + fragment?.let { "#$it" }.orEmpty())
    }
}
