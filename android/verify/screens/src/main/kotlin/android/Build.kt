package android.os

/** Which Android this is; a test says so. */
object Build {
    object VERSION {
        @JvmField
        var SDK_INT = VERSION_CODES.R
    }

    object VERSION_CODES {
        const val R = 30
        const val S = 31
    }
}
