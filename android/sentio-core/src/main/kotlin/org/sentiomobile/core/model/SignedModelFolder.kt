package org.sentiomobile.core.model

import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.security.GeneralSecurityException
import java.security.KeyFactory
import java.security.Provider
import java.security.Security
import java.security.Signature
import java.security.SignatureException
import java.security.spec.X509EncodedKeySpec
import java.util.Base64
import org.sentiomobile.core.Json
import org.sentiomobile.core.JsonFault
import org.sentiomobile.core.SentioException.Damaged
import org.sentiomobile.core.SentioException.MissingFile
import org.sentiomobile.core.SentioException.NewerSchema
import org.sentiomobile.core.SentioException.Tampered
import org.sentiomobile.core.SentioException.Unsupported

/**
 * A model folder whose manifest was signed by the owner of a key: for models that an app downloads.
 *
 * The signature is checked when this is made, and the manifest that was checked is the one that is read from then on. The
 * manifest holds the hash of every other file, and files are hashed before they are used; so nothing of the folder is used
 * that the owner of the key did not sign. `sentio-mobile bundle sign` writes the signature, `manifest.sig.json`.
 *
 * @param folder the folder.
 * @param publicKey the signer's Ed25519 key as PEM, as `sentio-mobile bundle key` writes it. It belongs into the app itself.
 * @param provider what computes Ed25519; null for what the system has. Android has none before the Conscrypt of 2025; an app
 * for older phones brings Bouncy Castle's or Conscrypt's.
 * @throws MissingFile there is no manifest, or it is not signed.
 * @throws Tampered the signature is not of this key, or not of this manifest.
 * @throws Damaged the signature's file makes no sense.
 * @throws NewerSchema the signature's file was written for a later version.
 * @throws Unsupported nothing here computes Ed25519, so that nothing was checked.
 * @throws IllegalArgumentException [publicKey] is no Ed25519 key.
 */
public class SignedModelFolder @JvmOverloads constructor(
    private val folder: ModelFolder,
    publicKey: String,
    provider: Provider? = null,
) : ModelFolder {
    private val manifest: ByteArray

    override val name: String get() = folder.name

    init {
        val key = keyOf(publicKey)
        manifest = bytes(Manifest.FILE, MAX_MANIFEST, "install the model again")
        val sheet = "$name/$FILE"
        val (signature, signer) = read(bytes(FILE, MAX_SHEET, "have it signed with `sentio-mobile bundle sign`"), sheet)
        if (signer != sha256(ByteArrayInputStream(key))) {
            throw Tampered("$sheet: is of another key than the one that this app trusts; do not use the model")
        }
        if (!holds(signature, manifest, key, provider)) {
            throw Tampered(
                "$name/${Manifest.FILE}: the signature does not hold: the manifest was changed, or another one was " +
                    "signed; do not use the model",
            )
        }
    }

    override fun open(path: String): InputStream =
        if (path == Manifest.FILE) ByteArrayInputStream(manifest) else folder.open(path)

    override fun map(path: String): ByteBuffer =
        if (path == Manifest.FILE) ByteBuffer.wrap(manifest).asReadOnlyBuffer() else folder.map(path)

    private fun bytes(path: String, most: Int, advice: String): ByteArray = try {
        folder.open(path).use { stream ->
            val found = ByteArrayOutputStream()
            val buffer = ByteArray(1 shl 13)
            while (true) {
                val count = stream.read(buffer)
                if (count < 0) break
                found.write(buffer, 0, count)
                if (found.size() > most) throw Damaged("$name/$path: is longer than $most bytes; install the model again")
            }
            found.toByteArray()
        }
    } catch (missing: FileNotFoundException) {
        throw MissingFile("$name/$path: is missing; $advice", missing)
    } catch (fault: IOException) {
        throw Damaged("$name/$path: cannot be read (${fault.message}); install the model again", fault)
    }

    private companion object {
        const val FILE = "manifest.sig.json"
        const val SCHEMA = 1
        const val MAX_SHEET = 512
        const val MAX_MANIFEST = 64 * 1024 * 1024
        val FIELDS = setOf("schema", "algorithm", "public_key_sha256", "signature")
        val HASH = Regex("[0-9a-f]{64}")
        val PEM = Regex("\\s*-----BEGIN PUBLIC KEY-----\\s([A-Za-z0-9+/=\\s]+)-----END PUBLIC KEY-----\\s*")

        /** What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410). */
        val PREFIX = byteArrayOf(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)

        /** The names that providers call Ed25519 by. */
        val NAMES = listOf("Ed25519", "EdDSA")

        /** A key's DER. */
        fun keyOf(pem: String): ByteArray {
            val text = PEM.matchEntire(pem)?.groupValues?.get(1)?.filterNot(Char::isWhitespace)
            val der = text?.let { runCatching { Base64.getDecoder().decode(it) }.getOrNull() }
            require(der != null && der.size == PREFIX.size + 32 && der.copyOf(PREFIX.size).contentEquals(PREFIX)) {
                "the public key is no Ed25519 key in PEM; give what `sentio-mobile bundle key` wrote"
            }
            return der
        }

        /** A signature, and the fingerprint of the key that it says it is of. */
        fun read(content: ByteArray, place: String): Pair<ByteArray, String> = try {
            val sheet = Fields.of(Json.read(content.decodeToString(throwOnInvalidSequence = true)), "the signature")
            val schema = sheet.integer("schema")
            if (schema > SCHEMA) throw NewerSchema("$place: has schema $schema, this app reads $SCHEMA; update the app")
            if (schema < SCHEMA) sheet.fault("schema $schema is unknown")
            if (sheet.names.toSet() != FIELDS) sheet.fault("it has other fields than ${FIELDS.joinToString()}")
            if (sheet.text("algorithm") != "Ed25519") sheet.fault("the algorithm is not Ed25519")
            val signer = sheet.text("public_key_sha256")
            if (!HASH.matches(signer)) sheet.fault("the fingerprint is no SHA-256")
            val text = sheet.text("signature")
            val signature = runCatching { Base64.getDecoder().decode(text) }.getOrNull()
            // Base64 has spare bits: only one spelling of a signature is accepted.
            if (signature?.size != 64 || Base64.getEncoder().encodeToString(signature) != text) {
                sheet.fault("the signature is not 64 bytes of base64")
            }
            signature to signer
        } catch (fault: JsonFault) {
            throw Damaged("$place: is damaged (${fault.message}); sign the model again", fault)
        } catch (fault: CharacterCodingException) {
            throw Damaged("$place: is damaged (it is no text); sign the model again", fault)
        }

        fun holds(signature: ByteArray, content: ByteArray, key: ByteArray, provider: Provider?): Boolean {
            // Android's key store has the name, but for keys of its own alone.
            val providers = provider?.let(::listOf) ?: Security.getProviders().filterNot { it.name.startsWith("AndroidKeyStore") }
            for (candidate in providers) {
                for (algorithm in NAMES) {
                    val verifier = verifier(algorithm, candidate, key) ?: continue
                    return try {
                        verifier.update(content)
                        verifier.verify(signature)
                    } catch (_: SignatureException) {
                        false
                    }
                }
            }
            throw Unsupported(
                "${provider?.name ?: "this system"}: cannot check Ed25519 signatures, so the model is not opened; " +
                    "update the system, or use an app that brings a provider of Ed25519",
            )
        }

        fun verifier(algorithm: String, provider: Provider, key: ByteArray): Signature? = try {
            val public = KeyFactory.getInstance(algorithm, provider).generatePublic(X509EncodedKeySpec(key))
            Signature.getInstance(algorithm, provider).apply { initVerify(public) }
        } catch (_: GeneralSecurityException) {
            null
        }
    }
}
