package android.content.pm

/** What [android.content.Context.checkSelfPermission] answers. */
object PackageManager {
    const val PERMISSION_GRANTED = 0
}
