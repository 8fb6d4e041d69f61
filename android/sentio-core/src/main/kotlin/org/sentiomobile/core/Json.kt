package org.sentiomobile.core

/** Text that is not JSON; whoever reads a file names it in an error of his own. */
internal class JsonFault(message: String) : Exception(message)

/** A strict reader of JSON (RFC 8259): manifests come from strangers, and no library is worth its size for one of them. */
internal class Json private constructor(private val text: String) {
    private var at = 0

    private fun document(): Any? {
        val value = value(0)
        skipSpace()
        if (at < text.length) fault("more after the end")
        return value
    }

    private fun value(depth: Int): Any? {
        if (depth > DEEPEST) fault("nested deeper than $DEEPEST levels")
        skipSpace()
        return when (peek()) {
            '{' -> readObject(depth)
            '[' -> readList(depth)
            '"' -> readText()
            't' -> literal("true", true)
            'f' -> literal("false", false)
            'n' -> literal("null", null)
            else -> readNumber()
        }
    }

    private fun readObject(depth: Int): Map<String, Any?> {
        val fields = LinkedHashMap<String, Any?>()
        members('}') {
            skipSpace()
            if (peek() != '"') fault("a key is expected")
            val key = readText()
            skipSpace()
            take(':')
            if (key in fields) fault("the key \"$key\" twice")
            fields[key] = value(depth + 1)
        }
        return fields
    }

    private fun readList(depth: Int): List<Any?> {
        val items = ArrayList<Any?>()
        members(']') { items.add(value(depth + 1)) }
        return items
    }

    private inline fun members(end: Char, member: () -> Unit) {
        at++
        skipSpace()
        if (peek() == end) {
            at++
            return
        }
        while (true) {
            member()
            skipSpace()
            if (peek() == end) break
            take(',')
        }
        at++
    }

    private fun readText(): String {
        val built = StringBuilder()
        at++
        while (true) {
            val letter = peek()
            at++
            when {
                letter == '"' -> return built.toString()
                letter == '\\' -> built.append(escaped())
                letter < ' ' -> fault("a control character in a text")
                else -> built.append(letter)
            }
        }
    }

    private fun escaped(): Char {
        val letter = peek()
        at++
        return when (letter) {
            '"', '\\', '/' -> letter
            'b' -> '\b'
            'f' -> '\u000C'
            'n' -> '\n'
            'r' -> '\r'
            't' -> '\t'
            'u' -> {
                val digits = text.substring(at, minOf(at + 4, text.length))
                if (!HEX.matches(digits)) fault("\\u needs four hexadecimal digits")
                at += 4
                digits.toInt(16).toChar()
            }
            else -> fault("the escape \\$letter is unknown")
        }
    }

    private fun readNumber(): Double {
        val found = NUMBER.matchAt(text, at) ?: fault("a value is expected")
        at += found.value.length
        val number = found.value.toDouble()
        if (number.isInfinite()) fault("the number ${found.value} is too large")
        return number
    }

    private fun literal(word: String, value: Any?): Any? {
        if (!text.startsWith(word, at)) fault("a value is expected")
        at += word.length
        return value
    }

    private fun skipSpace() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else fault("it ends too early")

    private fun take(letter: Char) {
        if (peek() != letter) fault("'$letter' is expected")
        at++
    }

    private fun fault(what: String): Nothing {
        val line = text.substring(0, minOf(at, text.length)).count { it == '\n' } + 1
        throw JsonFault("line $line: $what")
    }

    companion object {
        private const val DEEPEST = 64
        private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
        private val HEX = Regex("[0-9a-fA-F]{4}")

        /**
         * Read a document: maps, lists, texts, [Double], [Boolean] and null.
         *
         * @throws JsonFault it is not JSON.
         */
        fun read(text: String): Any? = Json(text).document()

        /** Write maps, lists, texts, numbers, booleans and null; a number that JSON cannot hold becomes null. */
        fun write(value: Any?): String = when (value) {
            null -> "null"
            is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { (key, item) -> "${quoted("$key")}: ${write(item)}" }
            is Iterable<*> -> value.joinToString(", ", "[", "]", transform = ::write)
            is Double -> if (value.isFinite()) value.toString() else "null"
            is Float -> write(value.toDouble())
            is Number, is Boolean -> value.toString()
            else -> quoted(value.toString())
        }

        private fun quoted(text: String): String = text.asIterable().joinToString("", "\"", "\"") { letter ->
            when {
                letter == '"' || letter == '\\' -> "\\$letter"
                letter < ' ' -> "\\u%04x".format(letter.code)
                else -> letter.toString()
            }
        }
    }
}
