package org.sentiomobile.core.audio

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** How decoders write a sample down. */
public enum class PcmEncoding(
    /** Bytes of a sample. */
    public val bytes: Int,
) {
    /** Unsigned, silent at 128. */
    UNSIGNED_8(1),

    /** Two's complement. */
    SIGNED_16(2),

    /** Two's complement, three bytes without a gap. */
    SIGNED_24(3),

    /** Two's complement. */
    SIGNED_32(4),

    /** Full scale at -1 and 1 already. */
    FLOAT(4),
    ;

    /**
     * Samples as floating point, full scale at -1 and 1.
     *
     * @param buffer its remaining bytes, in its own byte order, are read; a sample that is cut off at the end is left out.
     */
    public fun decode(buffer: ByteBuffer): FloatArray {
        val samples = FloatArray(buffer.remaining() / bytes)
        when (this) {
            UNSIGNED_8 -> for (i in samples.indices) samples[i] = ((buffer.get().toInt() and 0xFF) - 128) / 128f
            SIGNED_16 -> for (i in samples.indices) samples[i] = buffer.getShort() / 32_768f
            SIGNED_24 -> for (i in samples.indices) samples[i] = buffer.getThree() / 8_388_608f
            SIGNED_32 -> for (i in samples.indices) samples[i] = buffer.getInt() / 2_147_483_648f
            FLOAT -> for (i in samples.indices) samples[i] = buffer.getFloat()
        }
        return samples
    }

    private fun ByteBuffer.getThree(): Int {
        val first = get().toInt()
        val second = get().toInt()
        val third = get().toInt()
        val (high, low) = if (order() == ByteOrder.LITTLE_ENDIAN) third to first else first to third
        return (high shl 16) or ((second and 0xFF) shl 8) or (low and 0xFF)
    }
}
