package org.sentiomobile.android

import android.content.Context
import android.net.Uri
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext
import org.sentiomobile.core.Emotion
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioException
import org.sentiomobile.core.SentioOptions

/**
 * Load the model among an app's assets, by the runtimes that the app was built with.
 *
 * @param folder the model folder's path below `assets`.
 * @throws SentioException see [Sentio.open].
 */
public suspend fun openSentio(
    context: Context,
    folder: String = "sentio",
    options: SentioOptions = SentioOptions(),
): Sentio = Sentio.open(AssetModelFolder(context.assets, folder), options.cachingIn(context))

/** With a folder for what runtimes compile, where none is named: Android empties this one when the app is updated. */
public fun SentioOptions.cachingIn(context: Context): SentioOptions =
    if (cache == null) copy(cache = context.codeCacheDir) else this

/**
 * Open a song; whoever gets it closes it.
 *
 * @param uri what a document picker gave, or a file.
 * @throws SentioException.AudioError it cannot be read, or holds no sound.
 */
public suspend fun openSong(context: Context, uri: Uri): MediaSong =
    // Who is cancelled meanwhile gets it all the same: else nobody would close it.
    withContext(Dispatchers.IO + NonCancellable) { MediaSong.open(context, uri) }

/**
 * How the beginning of a song feels; of a pooled model, all of it.
 *
 * @param uri what a document picker gave, or a file.
 * @throws SentioException.AudioError it holds no usable sound.
 */
public suspend fun Sentio.predict(context: Context, uri: Uri): Emotion = predict(openSong(context, uri))

/**
 * How a song feels, window after window; see [Sentio.trajectory].
 *
 * @param every seconds from one window to the next.
 */
public fun Sentio.trajectory(context: Context, uri: Uri, every: Double = 1.0): Flow<Emotion> = flow {
    openSong(context, uri).use { emitAll(trajectory(it, every)) }
}

/**
 * How what the microphone hears feels; see [Sentio.stream] and [microphone]. The app asks for the permission before.
 *
 * @param every seconds from one answer to the next.
 * @param minimum seconds to be heard before the first answer.
 */
public fun Sentio.listen(context: Context, every: Double = 1.0, minimum: Double = 5.0): Flow<Emotion> =
    stream(microphone(context), every, minimum)
