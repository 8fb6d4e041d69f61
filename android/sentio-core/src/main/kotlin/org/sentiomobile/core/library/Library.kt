package org.sentiomobile.core.library

import java.io.IOException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.withContext
import org.sentiomobile.core.Emotion
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioException.AudioError
import org.sentiomobile.core.SentioException.Damaged
import org.sentiomobile.core.audio.PcmSource
import org.sentiomobile.core.faultsBehind

/** A song of a library. */
public interface LibrarySong {
    /** Where it lies in the library; no other song has this path. */
    public val path: String

    /** Its size. */
    public val bytes: Long

    /** When it was changed last, in milliseconds since 1970. */
    public val modified: Long

    /**
     * The song's sound, from its beginning; it is closed after use.
     *
     * @throws AudioError it cannot be decoded.
     * @throws IOException it cannot be read.
     */
    public suspend fun open(): PcmSource
}

/**
 * What is known of a song.
 *
 * @property model SHA-256 of the artifact that answered, or was to answer.
 * @property tries how often it was begun.
 * @property answer null where there is none yet, or none can be had.
 * @property fault why there is no answer, in one line; null where there is one, or where the song was begun and not ended.
 */
public data class LibraryRow(
    val path: String,
    val bytes: Long,
    val modified: Long,
    val model: String,
    val tries: Int,
    val answer: Emotion? = null,
    val fault: String? = null,
) {
    /** Whether nothing is left to do for it. */
    val done: Boolean get() = answer != null || fault != null
}

/**
 * How far an analysis is.
 *
 * @property done songs with an answer or a fault, those of earlier runs included.
 * @property faults those of them that have a fault.
 * @property total all songs.
 * @property secondsLeft as far as this run's songs tell; null before the first.
 * @property row the song that was done last; null before the first.
 */
public data class LibraryProgress(
    val done: Int,
    val faults: Int,
    val total: Int,
    val secondsLeft: Double? = null,
    val row: LibraryRow? = null,
)

/** Times that a song is begun before it is taken for one that ends the app. */
public const val MOST_TRIES: Int = 3

/**
 * Analyze what was not analyzed yet, one song after another; collect it to the end.
 *
 * Each song is noted in [store] before it is begun, and again when it is done, so that a run that was killed goes on where it
 * was: no song is done twice, but for the one that was being worked on. A song that ended the app [MOST_TRIES] times is left
 * out, with a fault. So is one that cannot be opened, decoded or judged; the others go on. Answers of another artifact, or of a
 * file that was changed, are given anew. Cancelling stops at the next block of sound.
 *
 * @param songs each with a path of its own.
 * @return how far it is: once at the beginning, and after each song.
 * @throws org.sentiomobile.core.SentioException while collecting: the model's runtime fails, and would for every song.
 * @throws IOException while collecting: the store cannot be written.
 */
public fun Sentio.library(songs: List<LibrarySong>, store: LibraryStore): Flow<LibraryProgress> {
    require(songs.distinctBy { it.path }.size == songs.size) { "two songs of the library have one path" }
    val model = manifest.hashes.getValue(runsOn.artifact.path)
    return flow {
        val rows = store.all().filter { it.model == model }.associateBy { it.path }
        val known = songs.mapNotNull { song -> rows[song.path]?.takeIf { it.isOf(song) } }
        val tries = known.filterNot { it.done }.associate { it.path to it.tries }
        val over = known.filter { it.done }.mapTo(HashSet()) { it.path }
        val waiting = songs.filterNot { it.path in over }
        var progress = LibraryProgress(over.size, known.count { it.fault != null }, songs.size)
        emit(progress)
        val started = System.nanoTime()
        waiting.forEachIndexed { at, song ->
            val before = LibraryRow(song.path, song.bytes, song.modified, model, tries[song.path] ?: 0)
            val row = if (before.tries >= MOST_TRIES) given(up = before) else analyzed(song, before, store)
            store.put(row)
            progress = LibraryProgress(
                done = over.size + at + 1,
                faults = progress.faults + if (row.fault != null) 1 else 0,
                total = songs.size,
                secondsLeft = (System.nanoTime() - started) / 1e9 / (at + 1) * (waiting.size - at - 1),
                row = row,
            )
            emit(progress)
        }
    }.faultsBehind(Dispatchers.IO)
}

private fun LibraryRow.isOf(song: LibrarySong): Boolean = bytes == song.bytes && modified == song.modified

private fun given(up: LibraryRow): LibraryRow =
    up.copy(fault = "${up.path}: ended the app ${up.tries} times; convert it to another format")

private suspend fun Sentio.analyzed(song: LibrarySong, before: LibraryRow, store: LibraryStore): LibraryRow {
    val begun = before.copy(tries = before.tries + 1)
    store.put(begun)
    return try {
        begun.copy(answer = predict(song.open()))
    } catch (stopped: CancellationException) {
        // One that was stopped in the middle is none that ends the app.
        withContext(NonCancellable) { store.put(before) }
        throw stopped
    } catch (fault: AudioError) {
        begun.copy(fault = fault.message)
    } catch (fault: Damaged) {
        begun.copy(fault = fault.message)
    } catch (fault: IOException) {
        begun.copy(fault = "${song.path}: cannot be read (${fault.message}); is it still there?")
    }
}
