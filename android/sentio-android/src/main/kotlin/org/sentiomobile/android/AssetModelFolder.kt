package org.sentiomobile.android

import android.content.res.AssetManager
import java.io.FileNotFoundException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import org.sentiomobile.core.model.ModelFolder

/**
 * A model folder among an app's assets.
 *
 * Models are mapped straight from the app's package where its build leaves them uncompressed (`androidResources.noCompress`);
 * else they are read into memory.
 *
 * @param path the folder's path below `assets`.
 */
public class AssetModelFolder(private val assets: AssetManager, private val path: String = "sentio") : ModelFolder {
    override val name: String get() = path.substringAfterLast('/')

    override fun open(path: String): InputStream = assets.open("${this.path}/$path")

    override fun map(path: String): ByteBuffer {
        val descriptor = try {
            assets.openFd("${this.path}/$path")
        } catch (compressed: FileNotFoundException) {
            return read(path)
        }
        return descriptor.use { file ->
            file.createInputStream().use {
                it.channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength)
            }
        }
    }

    private fun read(path: String): ByteBuffer {
        val bytes = open(path).use(InputStream::readBytes)
        val buffer = ByteBuffer.allocateDirect(bytes.size)
        buffer.put(bytes)
        buffer.rewind()
        return buffer
    }
}
