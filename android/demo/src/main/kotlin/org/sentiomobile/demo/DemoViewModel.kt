package org.sentiomobile.demo

import android.app.Application
import android.net.Uri
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import java.io.IOException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.sentiomobile.android.listen
import org.sentiomobile.android.openSentio
import org.sentiomobile.android.openSong
import org.sentiomobile.core.Sentio
import org.sentiomobile.core.SentioException
import org.sentiomobile.core.audio.countWindows
import org.sentiomobile.core.library.LibraryRow
import org.sentiomobile.library.LibraryWork

/** The model and what is done with it: one thing at a time, whatever becomes of the screen meanwhile. */
class DemoViewModel(application: Application) : AndroidViewModel(application), DemoActions {
    private val changing = MutableStateFlow(DemoState())
    private var sentio: Sentio? = null
    private var work: Job? = null

    /** What is on screen. */
    val state: StateFlow<DemoState> = changing.asStateFlow()

    init {
        start(Doing.LOADING) { model() }
        viewModelScope.launch { followLibrary() }
    }

    override fun predict(uri: Uri) = start(Doing.SONG) {
        val model = model()
        openSong(getApplication(), uri).use { song ->
            val samples = song.seconds?.let { (it * model.spec.audio.sampleRate).toLong() }
            val expected = samples?.let { countWindows(it, model.spec.audio, EVERY) }
            changing.update { it.copy(title = song.name) }
            model.trajectory(song, EVERY).collect { answer ->
                changing.update {
                    val done = it.answers.size + 1f
                    it.copy(answers = it.answers + answer, progress = expected?.let { all -> minOf(1f, done / all) })
                }
            }
        }
    }

    override fun listen() = start(Doing.MICROPHONE) {
        model().listen(getApplication(), EVERY).collect { answer ->
            changing.update { it.copy(answers = (it.answers + answer).takeLast(KEPT)) }
        }
    }

    override fun benchmark() = start(Doing.BENCHMARK) {
        val found = measureAll(getApplication<Application>()) { title, progress ->
            changing.update { it.copy(title = title, progress = progress) }
        }
        val file = withContext(Dispatchers.IO) { writeReport(getApplication(), found) }
        changing.update { it.copy(report = found, reportFile = file.path) }
    }

    override fun stop() {
        work?.cancel()
    }

    override fun startLibrary() = LibraryWork.start(getApplication())

    override fun cancelLibrary() = LibraryWork.cancel(getApplication())

    /** The app is not seen any more: a microphone that stays on then is a spy. A song is analyzed to its end. */
    fun leave() {
        if (state.value.doing == Doing.MICROPHONE) stop()
    }

    override fun onCleared() {
        sentio?.close()
    }

    /** The songs are read now and then while they are analyzed, and once more at the end: their file may be long. */
    private suspend fun followLibrary() = LibraryWork.state(getApplication()).conflate().collect { library ->
        changing.update { it.copy(library = library) }
        if (library == null) return@collect
        try {
            val rows = withContext(Dispatchers.IO) { LibraryWork.rows(getApplication()) }
            changing.update { it.copy(songs = rows.filter(LibraryRow::done).asReversed()) }
        } catch (fault: IOException) {
            changing.update { it.copy(fault = fault.message) }
        }
        if (!library.ended) delay(READ_AGAIN)
    }

    private suspend fun model(): Sentio = sentio ?: openSentio(getApplication()).also { model ->
        sentio = model
        changing.update { it.copy(runsOn = model.runsOn.description, clipSeconds = model.spec.audio.seconds.toInt()) }
    }

    /** What was being done ends first; what went wrong is shown. */
    private fun start(doing: Doing, task: suspend CoroutineScope.() -> Unit) {
        val before = work
        work = viewModelScope.launch {
            before?.cancelAndJoin()
            changing.update {
                val answers = if (doing == Doing.BENCHMARK) it.answers else emptyList()
                it.copy(doing = doing, title = "", progress = null, answers = answers, fault = null)
            }
            try {
                task()
            } catch (stopped: CancellationException) {
                throw stopped
            } catch (fault: SentioException) {
                changing.update { it.copy(fault = fault.message) }
            } catch (fault: IOException) {
                changing.update { it.copy(fault = fault.message) }
            } finally {
                changing.update { it.copy(doing = Doing.NOTHING, progress = null) }
            }
        }
    }

    private companion object {
        /** Seconds from one answer to the next. */
        const val EVERY = 1.0

        /** Live answers that are kept: two minutes. */
        const val KEPT = 120

        /** Milliseconds after which the songs of the library are read again, at the earliest. */
        const val READ_AGAIN = 5_000L
    }
}
