package org.sentiomobile.core

import java.security.Provider
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import org.sentiomobile.core.model.SignedModelFolder

class SignatureTest {
    private val golden by lazy { Json.read(beside("../export/golden/signatures.json").readText()) as Map<*, *> }
    private val cases by lazy { (golden["cases"] as List<*>).map { it as Map<*, *> } }

    private fun folder(case: Map<*, *>): MemoryFolder {
        val files = (golden["files"] as Map<*, *>).entries.associate { "${it.key}" to "${it.value}".toByteArray() }.toMutableMap()
        files["manifest.json"] = ((golden["manifests"] as Map<*, *>)[case["manifest"]] as String).toByteArray()
        (case["sheet"] as String?)?.let { files["manifest.sig.json"] = it.toByteArray() }
        return MemoryFolder(files)
    }

    private fun verdict(case: Map<*, *>): String = try {
        SignedModelFolder(folder(case), case["public_key"] as String)
        "holds"
    } catch (fault: SentioException) {
        assertEquals(1, fault.message!!.lines().size)
        when (fault) {
            is SentioException.MissingFile -> "unsigned"
            is SentioException.NewerSchema -> "newer"
            is SentioException.Damaged -> "damaged"
            is SentioException.Tampered -> if ("another key" in fault.message!!) "other key" else "tampered"
            else -> throw fault
        }
    } catch (_: IllegalArgumentException) {
        "no key"
    }

    @Test
    fun `signatures are judged as every language must`() {
        assertTrue(cases.size >= 25)
        for (case in cases) assertEquals(case["verdict"], verdict(case), "${case["name"]}")
    }

    @Test
    fun `a signed folder opens, and one changed byte of its model is refused`() {
        val case = cases.first { it["verdict"] == "holds" }
        val inner = folder(case)
        val signed = SignedModelFolder(inner, case["public_key"] as String)
        assertEquals("1", soon { Sentio.open(signed, factories = listOf(FakeFactory("onnx"))) }.manifest.release)
        inner.files.getValue("model.onnx")[0]++
        assertFailsWith<SentioException.Tampered> { soon { Sentio.open(signed, factories = listOf(FakeFactory("onnx"))) } }
    }

    @Test
    fun `the manifest that was checked is the one that is read`() {
        val case = cases.first { it["verdict"] == "holds" }
        val inner = folder(case)
        val signed = SignedModelFolder(inner, case["public_key"] as String)
        inner.files["manifest.json"] = ((golden["manifests"] as Map<*, *>)["changed"] as String).toByteArray()
        assertEquals("1", soon { Sentio.open(signed, factories = listOf(FakeFactory("onnx"))) }.manifest.release)
        assertContains(signed.open("manifest.json").readBytes().decodeToString(), "\"release\": \"1\"")
    }

    @Test
    fun `where nothing computes Ed25519 the folder is refused, and the message says so`() {
        val none = object : Provider("Nothing", "1", "has no algorithm") {}
        val case = cases.first { it["verdict"] == "holds" }
        val fault = assertFailsWith<SentioException.Unsupported> {
            SignedModelFolder(folder(case), case["public_key"] as String, none)
        }
        assertContains(fault.message!!, "cannot check Ed25519 signatures, so the model is not opened")
    }

    @Test
    fun `a signature's file of bytes that are no text is damaged`() {
        val case = cases.first { it["verdict"] == "holds" }
        val inner = folder(case).apply { files["manifest.sig.json"] = byteArrayOf(-1, -2, 0) }
        assertFailsWith<SentioException.Damaged> { SignedModelFolder(inner, case["public_key"] as String) }
    }
}
