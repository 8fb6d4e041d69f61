package org.sentiomobile.library

import android.Manifest

/** The permission to read music, by its name since Android 13. */
const val MUSIC_PERMISSION: String = Manifest.permission.READ_MEDIA_AUDIO
