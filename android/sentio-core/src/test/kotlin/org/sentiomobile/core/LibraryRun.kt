package org.sentiomobile.core

import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import org.sentiomobile.core.audio.PcmSource
import org.sentiomobile.core.library.FileLibraryStore
import org.sentiomobile.core.library.LibrarySong
import org.sentiomobile.core.library.library

// A library that is analyzed in a process of its own, which a test kills.

/** A song of [library]: its level is its number, so that answers can be told apart. */
internal class MadeSong(
    private val number: Int,
    override val modified: Long = 1L,
    private val begun: (String) -> Unit = {},
) : LibrarySong {
    override val path = "%03d/%05d.mp3".format(number / 100, number)
    override val bytes = 1_000L + number

    /** One in twenty is broken: it cannot be read, or cannot be decoded. */
    val broken = number % 20 == 7

    override suspend fun open(): PcmSource {
        begun(path)
        if (broken && number % 40 == 7) throw IOException("no such file")
        return FakeSong(0.05) { _, _ -> if (broken) Float.NaN else levelOf(number) }
    }

    companion object {
        fun levelOf(number: Int): Float = number / 20_000f
    }
}

internal fun madeLibrary(songs: Int, begun: (String) -> Unit = {}): List<MadeSong> =
    List(songs) { MadeSong(it, begun = begun) }

/** Answers with the level of the first sample, twice. */
internal fun openLevel(): Sentio = openFake(FakeFactory { _, input -> floatArrayOf(input.first(), -input.first()) })

/** What a killed process left. */
internal class LibraryRun(folder: File) {
    val store = File(folder, "library.jsonl")
    private val log = File(folder, "begun.txt")

    /** The songs that were begun, in order, over all processes. */
    val begun: List<String> get() = if (log.exists()) log.readLines() else emptyList()

    /** Analyze in another process, and kill that once [songs] more songs were begun. */
    fun killAfter(songs: Int, library: Int) {
        val wanted = begun.size + songs
        val process = start(library, poison = -1)
        try {
            while (begun.size < wanted) {
                check(process.isAlive) { "it ended before it was killed" }
                Thread.sleep(20)
            }
        } finally {
            process.destroyForcibly().waitFor()
        }
    }

    /** Analyze in another process, which one song ends. */
    fun runInto(poison: Int, library: Int) {
        val process = start(library, poison)
        check(process.waitFor(60, TimeUnit.SECONDS)) { "it hangs" }
        check(process.exitValue() == ENDED) { "exit status ${process.exitValue()}" }
    }

    private fun start(library: Int, poison: Int): Process = ProcessBuilder(
        File(System.getProperty("java.home"), "bin/java").path, "-Xmx128m", "-XX:TieredStopAtLevel=1",
        "-cp", System.getProperty("java.class.path"), LibraryRun::class.java.name,
        "$library", "$poison", store.path, log.path,
    ).inheritIO().start()

    companion object {
        private const val ENDED = 77

        @JvmStatic
        fun main(arguments: Array<String>) {
            val (songs, poison, store, log) = arguments
            val begun = FileOutputStream(log, true)
            val ends = MadeSong(poison.toInt().coerceAtLeast(0)).path.takeIf { poison != "-1" }
            val library = madeLibrary(songs.toInt()) { path ->
                begun.write("$path\n".toByteArray())
                // As a decoder does that crashes.
                if (path == ends) Runtime.getRuntime().halt(ENDED)
            }
            runBlocking {
                FileLibraryStore.open(File(store)).use { openLevel().library(library, it).collect {} }
            }
        }
    }
}
