package org.sentiomobile.core.library

import java.io.Closeable
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.channels.FileLock
import java.nio.channels.OverlappingFileLockException
import java.nio.file.Files
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import org.sentiomobile.core.Json
import org.sentiomobile.core.JsonFault

/** Where rows are kept; what [put] returned from must outlast an app that is killed. */
public interface LibraryStore {
    /** All rows, each path once. */
    public fun all(): List<LibraryRow>

    /**
     * Keep a row, in place of the one of its path.
     *
     * @throws IOException there is no room for it.
     */
    public fun put(row: LibraryRow)
}

/**
 * Rows in a file: a line of JSON for each, the last one of a path counts.
 *
 * A row is one line added at the end, so that an app that is killed leaves all rows but the one that it was writing. What a
 * crash of the phone makes unreadable is left out, and its songs are analyzed again. [open] writes the file anew,
 * without lines that do not count.
 */
public class FileLibraryStore private constructor(private val file: File, private val lock: FileOutputStream) :
    LibraryStore, Closeable {
    private val rows = LinkedHashMap<String, LibraryRow>()
    private val out: FileOutputStream

    init {
        read(file).associateByTo(rows) { it.path }
        rewrite()
        out = FileOutputStream(file, true)
    }

    @Synchronized
    override fun all(): List<LibraryRow> = rows.values.toList()

    @Synchronized
    override fun put(row: LibraryRow) {
        val length = out.channel.size()
        try {
            out.write(lineOf(row))
        } catch (fault: IOException) {
            // Half a line would spoil the next.
            out.channel.truncate(length)
            throw fault
        }
        rows[row.path] = row
    }

    @Synchronized
    override fun close() {
        out.use { it.channel.force(true) }
        lock.close()
    }

    /** Beside its place, so that who is killed meanwhile leaves the old file. */
    private fun rewrite() {
        val beside = File("$file.new")
        FileOutputStream(beside).use { new ->
            new.buffered().run {
                write((Json.write(mapOf(HEADER to VERSION)) + "\n").toByteArray())
                rows.values.forEach { write(lineOf(it)) }
                flush()
            }
            new.channel.force(true)
        }
        Files.move(beside.toPath(), file.toPath(), ATOMIC_MOVE, REPLACE_EXISTING)
    }

    public companion object {
        private const val HEADER = "sentio_library"
        private const val VERSION = 1

        /**
         * Open a file, or begin one.
         *
         * @throws IOException it cannot be read or written, holds something else, or another run uses it.
         */
        public fun open(file: File): FileLibraryStore {
            val lock = FileOutputStream("$file.lock")
            try {
                if (!lock.take()) throw IOException("$file is used by another run; wait for its end")
                return FileLibraryStore(file, lock)
            } catch (fault: Throwable) {
                lock.close()
                throw fault
            }
        }

        /**
         * The rows of a file, of a run that goes on, too; none where there is no file yet.
         *
         * @throws IOException it cannot be read, or holds something else.
         */
        public fun read(file: File): List<LibraryRow> {
            if (!file.exists() || file.length() == 0L) return emptyList()
            val rows = LinkedHashMap<String, LibraryRow>()
            file.bufferedReader().useLines { lines ->
                lines.forEachIndexed { at, line ->
                    if (at == 0) checkHeader(line, file) else rowOf(line)?.let { rows[it.path] = it }
                }
            }
            return rows.values.toList()
        }

        private fun checkHeader(line: String, file: File) {
            val version = try {
                (Json.read(line) as? Map<*, *>)?.get(HEADER) as? Double
            } catch (fault: JsonFault) {
                null
            }
            if (version == null) throw IOException("$file holds no results of a library; name another file")
            if (version > VERSION) throw IOException("$file was written by a newer version of the app; update the app")
        }

        /** Whether nobody else has it; it is given back when the file is closed, or the app ends. */
        private fun FileOutputStream.take(): Boolean = try {
            val taken: FileLock? = channel.tryLock()
            taken != null
        } catch (here: OverlappingFileLockException) {
            false
        }
    }
}
