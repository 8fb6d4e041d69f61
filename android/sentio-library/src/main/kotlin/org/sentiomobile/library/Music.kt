package org.sentiomobile.library

import android.Manifest
import android.content.ContentUris
import android.content.Context
import android.content.pm.PackageManager
import android.database.Cursor
import android.net.Uri
import android.os.Build
import android.provider.MediaStore.Audio.Media
import org.sentiomobile.android.openSong
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.audio.PcmSource
import org.sentiomobile.core.library.LibrarySong

/** The permission without which [musicOf] gives nothing: its name changed with Android 13. */
public val MUSIC_PERMISSION: String =
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.TIRAMISU) {
        Manifest.permission.READ_MEDIA_AUDIO
    } else {
        Manifest.permission.READ_EXTERNAL_STORAGE
    }

/**
 * The songs that Android lists as music, on all volumes.
 *
 * @throws AudioError the user refused [MUSIC_PERMISSION], or the list cannot be had.
 */
public fun musicOf(context: Context): List<LibrarySong> {
    if (context.checkSelfPermission(MUSIC_PERMISSION) != PackageManager.PERMISSION_GRANTED) {
        throw AudioError("The music was refused; allow it in the app's settings")
    }
    val found = context.contentResolver.query(
        Media.EXTERNAL_CONTENT_URI, COLUMNS + PLACE, "${Media.IS_MUSIC} != 0", null, Media._ID,
    ) ?: throw AudioError("Android does not list its music; restart the phone")
    return found.use { rows ->
        generateSequence { if (rows.moveToNext()) songOf(context, rows) else null }.distinctBy { it.path }.toList()
    }
}

private fun songOf(context: Context, row: Cursor): LibrarySong {
    val place = PLACE.indices.map { row.getString(COLUMNS.size + it).orEmpty().trim('/') }
    return MediaStoreSong(
        context = context,
        uri = ContentUris.withAppendedId(Media.EXTERNAL_CONTENT_URI, row.getLong(0)),
        path = place.filter { it.isNotEmpty() }.joinToString("/"),
        bytes = row.getLong(1),
        modified = row.getLong(2) * 1000,
    )
}

private class MediaStoreSong(
    private val context: Context,
    private val uri: Uri,
    override val path: String,
    override val bytes: Long,
    override val modified: Long,
) : LibrarySong {
    override suspend fun open(): PcmSource = openSong(context, uri)
}

private val COLUMNS = arrayOf(Media._ID, Media.SIZE, Media.DATE_MODIFIED)

/** What together is a song's path: since Android 10, apps are told no places of files. */
@Suppress("DEPRECATION")
private val PLACE =
    if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
        arrayOf(Media.VOLUME_NAME, Media.RELATIVE_PATH, Media.DISPLAY_NAME)
    } else {
        arrayOf(Media.DATA)
    }
