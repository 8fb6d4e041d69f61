package org.sentiomobile.core

/**
 * Everything that can go wrong with a model or with sound; each message is one line that can be shown to a user.
 *
 * Arguments that only a programmer can get wrong throw [IllegalArgumentException] instead.
 */
public sealed class SentioException(message: String, cause: Throwable? = null) : Exception(message, cause) {
    /** The model was made for a later version of this library. */
    public class NewerSchema(message: String) : SentioException(message)

    /** A file of the model is not the one that its manifest was written for, or the manifest not the one that was signed. */
    public class Tampered(message: String) : SentioException(message)

    /** A file that the model needs is not there. */
    public class MissingFile(message: String, cause: Throwable? = null) : SentioException(message, cause)

    /** The manifest or the model cannot be understood, or its answer is not a number. */
    public class Damaged(message: String, cause: Throwable? = null) : SentioException(message, cause)

    /** None of the model's formats can be run by the back ends of this app. */
    public class NoArtifact(message: String) : SentioException(message)

    /** The model's runtime failed while it computed: there is no memory left, or an accelerator gave up. */
    public class ComputeError(message: String, cause: Throwable? = null) : SentioException(message, cause)

    /** This system cannot check what the app asked for, such as a signature; nothing was opened. */
    public class Unsupported(message: String) : SentioException(message)

    /** The sound cannot be used: it is empty, damaged, or not sound at all. */
    public class AudioError(message: String, cause: Throwable? = null) : SentioException(message, cause)

    /** The microphone was refused, or lost while listening. */
    public class MicrophoneError(message: String, cause: Throwable? = null) : SentioException(message, cause)
}
