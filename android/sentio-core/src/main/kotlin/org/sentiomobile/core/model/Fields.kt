package org.sentiomobile.core.model

import org.sentiomobile.core.JsonFault

/** The fields of a JSON object, taken out by name and type; a fault names the field. */
internal class Fields private constructor(private val values: Map<*, *>, private val place: String) {
    val names: List<String> get() = values.keys.map { it as String }

    fun text(name: String): String = need(name) as? String ?: fault("'$name' must be a text")

    fun number(name: String): Double = need(name) as? Double ?: fault("'$name' must be a number")

    fun integer(name: String, range: IntRange = 0..Int.MAX_VALUE): Int {
        val number = number(name)
        if (number != Math.floor(number) || number < range.first || number > range.last) {
            fault("'$name' must be whole, from ${range.first} to ${range.last}")
        }
        return number.toInt()
    }

    fun list(name: String): List<Any?> = need(name) as? List<Any?> ?: fault("'$name' must be a list")

    fun numbers(name: String, count: Int): List<Double> {
        val numbers = list(name).filterIsInstance<Double>()
        if (numbers.size != count || list(name).size != count) fault("'$name' must be $count numbers")
        return numbers
    }

    fun fields(name: String): Fields = of(need(name), name)

    fun optional(name: String): Any? = values[name]

    fun <T> choice(name: String, known: List<T>, word: (T) -> String): T {
        val found = text(name)
        return known.firstOrNull { word(it) == found } ?: fault("$name '$found' is unknown; update the app")
    }

    fun fault(what: String): Nothing = throw JsonFault("$place: $what")

    private fun need(name: String): Any? = if (name in values) values[name] else fault("'$name' is missing")

    companion object {
        fun of(value: Any?, place: String): Fields =
            Fields(value as? Map<*, *> ?: throw JsonFault("$place must be an object"), place)
    }
}
