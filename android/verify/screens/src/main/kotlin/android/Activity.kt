package android.app

import android.content.Context

/** The one activity; [refusedBefore] is what Android remembers of a permission. */
class Activity(packageName: String, granted: Set<String>, private val refusedBefore: Set<String>) :
    Context(packageName, granted) {
    fun shouldShowRequestPermissionRationale(permission: String): Boolean = permission in refusedBefore
}
