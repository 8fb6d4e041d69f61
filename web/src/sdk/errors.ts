/**
 * Everything that can go wrong, as one tree.
 *
 *     SentioError
 *     ├── NewerSchema      the model folder was written for a newer SDK
 *     ├── Tampered         a file is not the one that the manifest was written for
 *     ├── MissingFile      a file is not there, or cannot be fetched
 *     ├── Damaged          a file, or the model's answer, makes no sense
 *     ├── NoArtifact       the folder has no model that a browser runs
 *     ├── AudioError       the sound cannot be used
 *     ├── MicrophoneError  the microphone was refused, or was lost
 *     ├── BrowserError     the browser lacks something, or gave up
 *     └── InputError       an argument makes no sense
 *
 * Each message is one line for users: what, where, and what to do. Cancelling is not an error of this tree: it rejects
 * with the reason of the `AbortSignal`, as `fetch` does.
 */

/** Root of the tree: catch this to catch all of it. */
export class SentioError extends Error {
  // Minifiers rename classes; names are what tests and logs read.
  override readonly name: string = "SentioError";
}

/** The model folder was written for a newer SDK. */
export class NewerSchema extends SentioError {
  override readonly name = "NewerSchema";
}

/** A file's SHA-256 differs from the manifest's. */
export class Tampered extends SentioError {
  override readonly name = "Tampered";
}

/** A file of the model folder is not there, or cannot be fetched. */
export class MissingFile extends SentioError {
  override readonly name = "MissingFile";
}

/** A file of the model folder, or an answer of the model, makes no sense. */
export class Damaged extends SentioError {
  override readonly name = "Damaged";
}

/** The model folder has no artifact that a browser runs. */
export class NoArtifact extends SentioError {
  override readonly name = "NoArtifact";
}

/** The sound cannot be decoded, is empty, or holds values that are no sound. */
export class AudioError extends SentioError {
  override readonly name = "AudioError";
}

/** The microphone was refused, is not there, or was lost. */
export class MicrophoneError extends SentioError {
  override readonly name = "MicrophoneError";
}

/** The browser lacks something that is needed, or stopped the model. */
export class BrowserError extends SentioError {
  override readonly name = "BrowserError";
}

/** An argument makes no sense. */
export class InputError extends SentioError {
  override readonly name = "InputError";
}

/** The first line of what another library said, without its full stop. */
export function reason(error: unknown): string {
  const words = error instanceof Error ? error.message || error.name : String(error);
  return (words.trim().split("\n")[0] ?? "").replace(/\.$/, "");
}
