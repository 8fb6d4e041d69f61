package org.sentiomobile.core.library

import org.sentiomobile.core.Emotion
import org.sentiomobile.core.Json
import org.sentiomobile.core.JsonFault
import org.sentiomobile.core.model.Fields
import org.sentiomobile.core.model.Uncertainty

// A row as a line of JSON, and back.

internal fun lineOf(row: LibraryRow): ByteArray {
    val fields = linkedMapOf(
        "path" to row.path,
        "bytes" to row.bytes,
        "modified" to row.modified,
        "model" to row.model,
        "tries" to row.tries,
        "answer" to row.answer?.let(::fieldsOf),
        "fault" to row.fault,
    )
    return (Json.write(fields.filterValues { it != null }) + "\n").toByteArray()
}

private fun fieldsOf(answer: Emotion): Map<String, Any?> = linkedMapOf(
    "song" to answer.song,
    "start" to answer.start,
    "end" to answer.end,
    "valence" to answer.valence,
    "arousal" to answer.arousal,
    "uncertainty" to answer.uncertainty?.let {
        linkedMapOf("coverage" to it.coverage, "valence" to it.valence, "arousal" to it.arousal, "songs" to it.songs)
    },
    "inference_ms" to answer.inferenceMs,
    "silent" to answer.silent,
)

/** The row of a line; null where it holds none. */
internal fun rowOf(line: String): LibraryRow? = try {
    val fields = Fields.of(Json.read(line), "a row")
    LibraryRow(
        path = fields.text("path"),
        bytes = fields.number("bytes").toLong(),
        modified = fields.number("modified").toLong(),
        model = fields.text("model"),
        tries = fields.integer("tries"),
        answer = fields.optional("answer")?.let { answerOf(Fields.of(it, "an answer")) },
        fault = fields.optional("fault")?.let { fields.text("fault") },
    )
} catch (unreadable: JsonFault) {
    null
}

private fun answerOf(fields: Fields): Emotion = Emotion(
    song = fields.text("song"),
    valence = fields.number("valence"),
    arousal = fields.number("arousal"),
    start = fields.number("start"),
    end = fields.number("end"),
    uncertainty = fields.optional("uncertainty")?.let {
        val known = Fields.of(it, "an uncertainty")
        Uncertainty(known.number("coverage"), known.number("valence"), known.number("arousal"), known.integer("songs"))
    },
    inferenceMs = fields.number("inference_ms"),
    silent = fields.optional("silent") == true,
)
