package org.sentiomobile.library

import android.content.Context
import androidx.work.Constraints
import androidx.work.ExistingWorkPolicy
import androidx.work.OneTimeWorkRequest
import androidx.work.WorkInfo
import androidx.work.WorkManager
import java.io.File
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map
import org.sentiomobile.core.library.FileLibraryStore
import org.sentiomobile.core.library.LibraryRow

/** Starts and stops the analysis of a whole library; there is one at a time. */
public object LibraryWork {
    private const val NAME = "sentio-library"

    /**
     * Analyze what was not analyzed yet, as soon as Android allows it; where that goes on already, it is left alone.
     *
     * @param constraints when it may run; by default while the battery is not low.
     * @param worker a [LibraryWorker] with another model or other songs.
     */
    public fun start(
        context: Context,
        constraints: Constraints = Constraints.Builder().setRequiresBatteryNotLow(true).build(),
        worker: Class<out LibraryWorker> = LibraryWorker::class.java,
    ) {
        val request = OneTimeWorkRequest.Builder(worker).setConstraints(constraints).build()
        WorkManager.getInstance(context).enqueueUniqueWork(NAME, ExistingWorkPolicy.KEEP, request)
    }

    /** Stop; what was done is kept. */
    public fun cancel(context: Context) {
        WorkManager.getInstance(context).cancelUniqueWork(NAME)
    }

    /** How it goes, told about once a second; null where it was never started. */
    public fun state(context: Context): Flow<LibraryState?> =
        WorkManager.getInstance(context).getWorkInfosForUniqueWorkFlow(NAME).map { found -> found.firstOrNull()?.let(::stateOf) }

    /** What is known of each song by now, while it goes on, too; it reads a file. */
    public fun rows(context: Context): List<LibraryRow> = FileLibraryStore.read(results(context))

    /** Where rows are kept: among the app's own files. */
    internal fun results(context: Context): File = File(context.filesDir, "sentio-library.jsonl")

    private fun stateOf(info: WorkInfo): LibraryState {
        val ended = info.state.isFinished
        val told = if (ended) info.outputData else info.progress
        return LibraryState(
            running = info.state == WorkInfo.State.RUNNING,
            ended = ended,
            progress = LibraryWorker.progressOf(told),
            fault = told.getString(LibraryWorker.FAULT),
        )
    }
}
