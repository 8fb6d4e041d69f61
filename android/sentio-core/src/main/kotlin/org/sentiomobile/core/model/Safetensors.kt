package org.sentiomobile.core.model

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.sentiomobile.core.Json
import org.sentiomobile.core.JsonFault

/** Named arrays of numbers: a JSON header with the place of each, then the numbers, little-endian. */
internal class Safetensors private constructor(private val header: Fields, private val numbers: ByteBuffer) {
    /** @throws JsonFault there is no such tensor, or it is of another type. */
    fun floats(name: String): FloatArray {
        val part = part(name, "F32", Float.SIZE_BYTES)
        return FloatArray(part.remaining() / Float.SIZE_BYTES).also { part.asFloatBuffer().get(it) }
    }

    /** @throws JsonFault there is no such tensor, or it is of another type. */
    fun integers(name: String): IntArray {
        val part = part(name, "I32", Int.SIZE_BYTES)
        return IntArray(part.remaining() / Int.SIZE_BYTES).also { part.asIntBuffer().get(it) }
    }

    /** @throws JsonFault there is no such tensor, or it is of another type. */
    fun shorts(name: String): ShortArray {
        val part = part(name, "I16", Short.SIZE_BYTES)
        return ShortArray(part.remaining() / Short.SIZE_BYTES).also { part.asShortBuffer().get(it) }
    }

    private fun part(name: String, type: String, width: Int): ByteBuffer {
        val entry = header.fields(name)
        if (entry.text("dtype") != type) entry.fault("is of ${entry.text("dtype")}, not $type")
        val (start, end) = entry.numbers("data_offsets", 2)
        if (start < 0 || end < start || end > numbers.limit() || (end - start) % width != 0.0) {
            entry.fault("lies outside the file")
        }
        val part = numbers.duplicate()
        part.position(start.toInt())
        part.limit(end.toInt())
        return part.slice().order(ByteOrder.LITTLE_ENDIAN)
    }

    companion object {
        /** @throws JsonFault the bytes are no such file. */
        fun read(bytes: ByteBuffer): Safetensors {
            val all = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
            val size = if (all.remaining() < Long.SIZE_BYTES) -1 else all.getLong()
            if (size < 0 || size > all.remaining()) throw JsonFault("no safetensors header")
            val header = ByteArray(size.toInt()).also { all.get(it) }
            return Safetensors(Fields.of(Json.read(header.decodeToString()), "the header"), all.slice())
        }
    }
}
