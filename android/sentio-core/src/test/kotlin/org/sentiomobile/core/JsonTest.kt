package org.sentiomobile.core

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class JsonTest {
    @Test
    fun `values are read`() {
        val text = """ {"a": [1, -2.5e3, true, false, null], "b": {"c": "x\n\"\\\u00e4\/"}, "": []} """
        val list = listOf(1.0, -2500.0, true, false, null)
        val expected = mapOf("a" to list, "b" to mapOf("c" to "x\n\"\\ä/"), "" to listOf<Any>())
        assertEquals(expected, Json.read(text))
    }

    @Test
    fun `what is written is read again`() {
        val text = "tab\t quote\" \\ ä \u0001"
        val value = mapOf("text" to text, "list" to listOf(1.5, null, true), "none" to emptyMap<String, Any>())
        assertEquals(value, Json.read(Json.write(value)))
        assertEquals("[null, 3]", Json.write(listOf(Double.NaN, 3)))
    }

    @Test
    fun `what is no JSON is refused and the line told`() {
        val broken = listOf(
            "", "{", "[1,]", "{\"a\" 1}", "{\"a\":1,}", "{a:1}", "01", "1.", ".5", "+1", "nul", "\"a", "\"\\x\"", "\"\\u12g4\"",
            "\"\t\"", "[1] 2", "1e999", "{\"a\":1,\"a\":2}", "NaN", "[".repeat(100) + "]".repeat(100), "\"\\u00",
        )
        for (text in broken) assertFailsWith<JsonFault>(text) { Json.read(text) }
        assertEquals("line 3: a value is expected", assertFailsWith<JsonFault> { Json.read("{\n\"a\":\n}") }.message)
    }
}
