package org.sentiomobile.core

import java.io.File
import java.io.IOException
import kotlin.io.path.createTempDirectory
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.sentiomobile.core.SentioException.ComputeError
import org.sentiomobile.core.library.FileLibraryStore
import org.sentiomobile.core.library.LibraryProgress
import org.sentiomobile.core.library.LibraryRow
import org.sentiomobile.core.library.LibrarySong
import org.sentiomobile.core.library.MOST_TRIES
import org.sentiomobile.core.library.library

class LibraryTest {
    private val folder = createTempDirectory("library").toFile()
    private val file = File(folder, "library.jsonl")

    @AfterTest
    fun clear() {
        folder.deleteRecursively()
    }

    @Test
    fun `10,000 songs of which 5 in 100 are broken, killed three times, give every song once`() = runBlocking {
        val run = LibraryRun(folder)
        for (songs in listOf(900, 2_000, 2_500)) run.killAfter(songs, LIBRARY)
        val earlier = run.begun
        val again = ArrayList<String>()
        val progress = analyze(madeLibrary(LIBRARY) { again += it })
        // Those that were being worked on when the process was killed are begun again, and no others.
        val twice = (earlier + again).groupingBy { it }.eachCount().filterValues { it > 1 }
        assertTrue(twice.size <= 3, "$twice")
        assertEquals(LIBRARY, (earlier + again).toSet().size)
        val end = progress.last()
        assertEquals(Triple(LIBRARY, 500, LIBRARY), Triple(end.done, end.faults, end.total))
        val kept = progress.first().done
        assertTrue(kept in earlier.toSet().size - 3..earlier.toSet().size, "$kept were kept of ${earlier.size}")
        val rows = FileLibraryStore.open(file).use { it.all() }.associateBy { it.path }
        assertEquals(LIBRARY, rows.size)
        for ((number, song) in madeLibrary(LIBRARY).withIndex()) {
            val row = rows.getValue(song.path)
            assertEquals(song.broken, row.fault != null, row.path)
            assertEquals(song.broken, row.answer == null, row.path)
            row.answer?.let { assertEquals(MadeSong.levelOf(number).toDouble(), it.valence, 1e-6) }
        }
        assertEquals(1 + LIBRARY, file.readLines().size, "opened again, a file has a line for each song")
        println("measured: a library of $LIBRARY songs is kept in ${file.length() / 1024} KiB")
    }

    @Test
    fun `a song that ends the app is left out after three times`() = runBlocking {
        val run = LibraryRun(folder)
        repeat(MOST_TRIES) { run.runInto(poison = 5, library = 12) }
        val begun = ArrayList<String>()
        val end = analyze(madeLibrary(12) { begun += it }).last()
        assertEquals(12, end.done)
        assertEquals((6 until 12).map { MadeSong(it).path }, begun)
        val left = FileLibraryStore.open(file).use { it.all() }.single { it.path == MadeSong(5).path }
        assertContains(left.fault.orEmpty(), "ended the app 3 times")
    }

    @Test
    fun `progress counts, names the song, and tells the time that is left`() = testing {
        val progress = analyze(madeLibrary(9))
        assertEquals((0..9).toList(), progress.map { it.done })
        assertEquals(listOf(0, 0, 0, 0, 0, 0, 0, 0, 1, 1), progress.map { it.faults })
        assertNull(progress.first().row)
        assertNull(progress.first().secondsLeft)
        assertEquals(MadeSong(8).path, progress.last().row?.path)
        assertEquals(0.0, progress.last().secondsLeft)
        assertEquals("000/00007.mp3: cannot be read (no such file); is it still there?", progress[8].row?.fault)
        assertEquals(listOf(LibraryProgress(9, 1, 9)), analyze(madeLibrary(9)), "nothing is left to do")
    }

    @Test
    fun `changed files and answers of another model are given anew`() = testing {
        analyze(madeLibrary(4))
        val changed = madeLibrary(4).map { if (it.path.endsWith("2.mp3")) MadeSong(2, modified = 2L) else it }
        assertEquals(3, analyze(changed).first().done)
        val newer = Sentio.open(
            folderOf(files = mapOf("model.tflite" to byteArrayOf(4))), factories = listOf(FakeFactory()),
        )
        assertEquals(0, FileLibraryStore.open(file).use { newer.library(changed, it).first() }.done)
    }

    @Test
    fun `cancelling stops in the middle of a song, and counts as no try`() = testing {
        val endless = object : LibrarySong {
            override val path = "endless.mp3"
            override val bytes = 1L
            override val modified = 1L

            // Blocks of silence that no clip is long enough for.
            override suspend fun open() = FakeSong(1e9, block = 1) { _, _ -> 0f }
        }
        val sentio = openFake { manifestOf(it, pooling = "mean") }
        FileLibraryStore.open(file).use { store ->
            repeat(MOST_TRIES + 1) {
                val work = launch { sentio.library(madeLibrary(3) + endless, store).collect {} }
                while (store.all().none { it.path == endless.path && it.tries > 0 }) delay(5)
                work.cancel(CancellationException("enough"))
                work.join()
                assertEquals(0, store.all().single { it.path == endless.path }.tries)
            }
            assertEquals(3, store.all().count { it.done })
        }
    }

    @Test
    fun `a runtime that fails ends the run, and its song is tried again`() = testing {
        var works = false
        val sentio = openFake(FakeFactory { _, input -> if (works) input.copyOf(2) else throw ComputeError("no memory left") })
        FileLibraryStore.open(file).use { store ->
            assertFailsWith<ComputeError> { sentio.library(madeLibrary(3), store).collect() }
            assertEquals(0, store.all().count { it.done })
            works = true
            assertEquals(3, sentio.library(madeLibrary(3), store).last().done)
        }
    }

    @Test
    fun `two songs of one path are a mistake`() {
        FileLibraryStore.open(file).use { store ->
            assertFailsWith<IllegalArgumentException> { openLevel().library(madeLibrary(2) + madeLibrary(1), store) }
        }
    }

    @Test
    fun `rows are read back as they were written`() {
        val answer = Emotion("a \"song\"\n", -0.25, 1e-7, 0.0, 30.0, null, 12.5, true)
        val rows = listOf(
            LibraryRow("Größe/日本.flac", 1L shl 40, 1_764_500_000_000, "ab", 1, answer),
            LibraryRow("b.mp3", 0, 0, "ab", 2, fault = "b.mp3: no sound"),
            LibraryRow("c.mp3", 0, 0, "ab", 1),
        )
        assertEquals(emptyList(), FileLibraryStore.read(file))
        FileLibraryStore.open(file).use { store ->
            rows.forEach(store::put)
            assertEquals(rows, FileLibraryStore.read(file), "while a run goes on")
        }
        assertEquals(rows, FileLibraryStore.open(file).use { it.all() })
    }

    @Test
    fun `half a line and lines of zeros are left out, and what comes next is whole`() {
        val row = LibraryRow("a.mp3", 1, 1, "ab", 1, fault = "a.mp3: no sound")
        FileLibraryStore.open(file).use { it.put(row) }
        file.appendBytes(ByteArray(30) + "\n{\"path\": \"b.mp3\", \"byt".toByteArray())
        FileLibraryStore.open(file).use { store ->
            assertEquals(listOf(row), store.all())
            store.put(row.copy(path = "c.mp3"))
        }
        assertEquals(listOf("a.mp3", "c.mp3"), FileLibraryStore.open(file).use { it.all() }.map { it.path })
    }

    @Test
    fun `a file of something else, of a newer app, or of a run that goes on is one line`() {
        file.writeText("song,valence\n")
        assertContains(assertFailsWith<IOException> { FileLibraryStore.open(file) }.message.orEmpty(), "no results of a library")
        assertEquals("song,valence\n", file.readText())
        file.writeText("{\"sentio_library\": 2}\n")
        assertContains(assertFailsWith<IOException> { FileLibraryStore.open(file) }.message.orEmpty(), "newer version")
        file.delete()
        FileLibraryStore.open(file).use {
            assertContains(assertFailsWith<IOException> { FileLibraryStore.open(file) }.message.orEmpty(), "another run")
        }
        FileLibraryStore.open(file).close()
    }

    private suspend fun analyze(songs: List<LibrarySong>): List<LibraryProgress> =
        FileLibraryStore.open(file).use { openLevel().library(songs, it).toList() }

    private companion object {
        const val LIBRARY = 10_000
    }
}
