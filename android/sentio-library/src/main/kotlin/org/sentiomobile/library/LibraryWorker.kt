package org.sentiomobile.library

import android.content.Context
import androidx.work.CoroutineWorker
import androidx.work.Data
import androidx.work.WorkerParameters
import androidx.work.workDataOf
import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.sentiomobile.android.openSentio
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioException
import org.sentiomobile.core.library.FileLibraryStore
import org.sentiomobile.core.library.LibraryProgress
import org.sentiomobile.core.library.LibrarySong
import org.sentiomobile.core.library.library

/**
 * Analyzes the phone's music in the background: what was done before is left, what is broken is noted, the rest goes on.
 *
 * Android stops work after some minutes, and when the phone is needed for something else; it is started again then, and goes
 * on where it was. Override [openModel] for a model of another folder, and [songs] for songs of another place. Start it by
 * [LibraryWork].
 */
public open class LibraryWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    /** The model; it is closed after use. */
    protected open suspend fun openModel(): Sentio = openSentio(applicationContext)

    /** The songs, each with a path of its own. */
    protected open suspend fun songs(): List<LibrarySong> = musicOf(applicationContext)

    final override suspend fun doWork(): Result = withContext(Dispatchers.IO) {
        try {
            var end = LibraryProgress(0, 0, 0)
            FileLibraryStore.open(LibraryWork.results(applicationContext)).use { store ->
                openModel().use { sentio ->
                    var told = 0L
                    sentio.library(songs(), store).collect { progress ->
                        end = progress
                        // Each is written to a database: once a second is enough for people.
                        val now = System.nanoTime()
                        if (now - told > SECOND || told == 0L) {
                            told = now
                            setProgress(dataOf(progress))
                        }
                    }
                }
            }
            Result.success(dataOf(end))
        } catch (fault: SentioException) {
            Result.failure(workDataOf(FAULT to fault.message))
        } catch (fault: IOException) {
            Result.failure(workDataOf(FAULT to fault.message))
        }
    }

    internal companion object {
        const val FAULT = "fault"
        private const val DONE = "done"
        private const val FAULTS = "faults"
        private const val TOTAL = "total"
        private const val SECONDS_LEFT = "seconds_left"
        private const val SECOND = 1_000_000_000L

        fun dataOf(progress: LibraryProgress): Data = workDataOf(
            DONE to progress.done,
            FAULTS to progress.faults,
            TOTAL to progress.total,
            SECONDS_LEFT to (progress.secondsLeft ?: Double.NaN),
        )

        /** Null where nothing was told yet. */
        fun progressOf(data: Data): LibraryProgress? {
            val total = data.getInt(TOTAL, -1)
            if (total < 0) return null
            val left = data.getDouble(SECONDS_LEFT, Double.NaN)
            return LibraryProgress(data.getInt(DONE, 0), data.getInt(FAULTS, 0), total, left.takeUnless { it.isNaN() })
        }
    }
}
