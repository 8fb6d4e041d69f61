package androidx.activity.result.contract

import android.net.Uri

/** A question to Android or to another app, and the kind of its answer. */
abstract class ActivityResultContract<I, O>

/** Those that the demo asks. */
class ActivityResultContracts private constructor() {
    class OpenDocument : ActivityResultContract<Array<String>, Uri?>()

    class RequestPermission : ActivityResultContract<String, Boolean>()
}
