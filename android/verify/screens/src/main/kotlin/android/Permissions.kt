package android

/** The permissions that the demo asks for. */
object Manifest {
    object permission {
        const val RECORD_AUDIO = "android.permission.RECORD_AUDIO"
        const val READ_MEDIA_AUDIO = "android.permission.READ_MEDIA_AUDIO"
    }
}
