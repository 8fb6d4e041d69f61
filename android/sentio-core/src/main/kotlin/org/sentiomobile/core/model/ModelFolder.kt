package org.sentiomobile.core.model

import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.security.MessageDigest
import org.sentiomobile.core.SentioException.Damaged
import org.sentiomobile.core.SentioException.MissingFile
import org.sentiomobile.core.SentioException.Tampered

/** Where a model's files lie: an app's assets, or a folder on disk. Paths have forward slashes. */
public interface ModelFolder {
    /** What messages call it. */
    public val name: String

    /**
     * Open a file to read it from its beginning.
     *
     * @throws FileNotFoundException it is not there.
     */
    public fun open(path: String): InputStream

    /**
     * A file's bytes as a direct buffer, mapped into memory where that is possible.
     *
     * @throws FileNotFoundException it is not there.
     */
    public fun map(path: String): ByteBuffer
}

/** A model's folder on disk. */
public class FileModelFolder(private val folder: File) : ModelFolder {
    override val name: String get() = folder.name

    override fun open(path: String): InputStream = File(folder, path).inputStream()

    override fun map(path: String): ByteBuffer = RandomAccessFile(File(folder, path), "r").use {
        it.channel.map(FileChannel.MapMode.READ_ONLY, 0, it.length())
    }
}

/** A model folder whose manifest was read; files are checked against it before anybody else sees them. */
internal class CheckedFolder(private val folder: ModelFolder, val manifest: Manifest) {
    /**
     * A file's bytes, after its hash was found to be right.
     *
     * @throws MissingFile it is not there.
     * @throws Tampered it is not the file that the manifest was written for.
     */
    fun map(path: String): ByteBuffer {
        check(path)
        return reading("${folder.name}/$path") { folder.map(path) }
    }

    /** All files of an artifact are checked; see [map]. */
    fun checkAll(artifact: Artifact) = manifest.filesOf(artifact).forEach(::check)

    private fun check(path: String) {
        val place = "${folder.name}/$path"
        val wanted = manifest.hashes[path]
            ?: throw Damaged("${folder.name}/${Manifest.FILE}: has no hash for '$path'; install the app again")
        if (reading(place) { folder.open(path).use(::sha256) } != wanted) {
            throw Tampered("$place: was changed since the model was made (SHA-256 differs); install the app again")
        }
    }

    companion object {
        /**
         * Read a folder's manifest.
         *
         * @throws org.sentiomobile.core.SentioException see [Manifest.read]; or there is none.
         */
        fun open(folder: ModelFolder): CheckedFolder {
            val place = "${folder.name}/${Manifest.FILE}"
            val bytes = reading(place) { folder.open(Manifest.FILE).use(InputStream::readBytes) }
            return CheckedFolder(folder, Manifest.read(bytes.decodeToString(), place))
        }

        private inline fun <T> reading(place: String, read: () -> T): T = try {
            read()
        } catch (missing: FileNotFoundException) {
            throw MissingFile("$place: is missing; install the app again", missing)
        } catch (fault: IOException) {
            throw Damaged("$place: cannot be read (${fault.message}); install the app again", fault)
        }
    }
}

/** SHA-256 of what a stream holds, in hexadecimal. */
internal fun sha256(stream: InputStream): String {
    val digest = MessageDigest.getInstance("SHA-256")
    val buffer = ByteArray(1 shl 16)
    while (true) {
        val count = stream.read(buffer)
        if (count < 0) break
        digest.update(buffer, 0, count)
    }
    return digest.digest().joinToString("") { "%02x".format(it) }
}
