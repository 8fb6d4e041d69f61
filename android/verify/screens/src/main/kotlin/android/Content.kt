package android.content

import android.net.Uri

/** An app, as far as its screens ask for it: what it may do, and which other apps it opened. */
open class Context(val packageName: String, private val granted: Set<String>) {
    val opened: MutableList<Intent> = mutableListOf()

    fun checkSelfPermission(permission: String): Int = if (permission in granted) 0 else -1

    fun startActivity(intent: Intent) {
        opened += intent
    }
}

/** What another app is asked for. */
class Intent(val action: String, val data: Uri? = null) {
    val extras: MutableMap<String, String> = mutableMapOf()
    var type: String? = null
        private set

    fun setType(type: String): Intent = apply { this.type = type }

    fun putExtra(name: String, value: String): Intent = apply { extras[name] = value }

    companion object {
        const val ACTION_SEND = "android.intent.action.SEND"
        const val EXTRA_TEXT = "android.intent.extra.TEXT"

        fun createChooser(target: Intent, @Suppress("UNUSED_PARAMETER") title: CharSequence?): Intent = target
    }
}
