/** A model folder, opened: nothing of it is parsed before its hash was checked. */

import { BrowserError, MissingFile, Tampered } from "./errors.ts";
import type { ModelFolder, ReadOptions } from "./folder.ts";
import { chooseArtifact, filesOf, MANIFEST, parseManifest, type Artifact, type Manifest } from "./manifest.ts";

/** A model folder whose manifest makes sense, with the bytes of the artifact that was chosen. */
export interface Bundle {
  readonly manifest: Manifest;
  readonly artifact: Artifact;
  /** The artifact; its hash was right. */
  readonly model: ArrayBuffer;
}

/**
 * Read the manifest, choose an artifact, fetch it, and check its hash.
 *
 * @throws MissingFile, NewerSchema, Damaged, NoArtifact, Tampered as their names say.
 * @throws BrowserError the page is not in a secure context, so that nothing can be hashed.
 */
export async function openBundle(folder: ModelFolder, options: Omit<ReadOptions, "sha256"> = {}): Promise<Bundle> {
  const { signal } = options;
  const manifest = parseManifest(new TextDecoder().decode(await folder.read(MANIFEST, { signal })));
  const artifact = chooseArtifact(manifest);
  let model: ArrayBuffer | undefined;
  for (const path of filesOf(artifact.path, manifest.files)) {
    const bytes = await readChecked(folder, manifest, path, options);
    if (path === artifact.path) model = bytes;
  }
  if (!model) throw new MissingFile(`${artifact.path}: is a folder, not a file; package the bundle again`);
  return { manifest, artifact, model };
}

/**
 * Fetch one file of a model folder and check its hash.
 *
 * @throws MissingFile the manifest does not know it, or it is not there.
 * @throws Tampered it is not the file that the manifest was written for.
 */
export async function readChecked(
  folder: ModelFolder,
  manifest: Manifest,
  path: string,
  options: Omit<ReadOptions, "sha256"> = {},
): Promise<ArrayBuffer> {
  const entry = manifest.files.get(path);
  if (!entry) throw new MissingFile(`${path}: is not in the model folder; package the bundle again`);
  const bytes = await folder.read(path, { ...options, sha256: entry.sha256 });
  if (bytes.byteLength !== entry.bytes || (await sha256(bytes)) !== entry.sha256) {
    throw new Tampered(
      `${path}: is not the file that the manifest was written for (SHA-256 differs); do not use it, get the app again`,
    );
  }
  return bytes;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  if (!globalThis.crypto?.subtle) {
    throw new BrowserError("This page cannot check its model: open it over https, or on localhost");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
