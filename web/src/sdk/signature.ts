/** Whether a model folder was signed by the owner of a key: for models that a page gets from elsewhere. */

import { BrowserError, Damaged, InputError, MissingFile, NewerSchema, reason, Tampered } from "./errors.ts";
import type { ModelFolder } from "./folder.ts";
import { MANIFEST } from "./manifest.ts";

/** Name of the signature in a model folder. */
export const SIGNATURE = "manifest.sig.json";

const SCHEMA = 1;
const MAX_SHEET = 512;
const FIELDS = ["algorithm", "public_key_sha256", "schema", "signature"];

/** What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410). */
const PREFIX = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

const PEM = /^\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/;

/**
 * A model folder whose manifest was signed by the owner of a key.
 *
 *     const folder = signedFolder(httpFolder(address), KEY);
 *     const model = await SentioModel.open(folder);
 *
 * Each time that the manifest is read, its signature is checked first, and the bytes that were checked are those that are
 * given. The manifest holds the hash of every other file, and files are hashed before they are used; so nothing of the
 * folder is used that the owner of the key did not sign. `sentio-mobile bundle sign` writes the signature.
 *
 * Reading the manifest then also throws
 * - MissingFile: the folder is not signed;
 * - Tampered: the signature is not of this key, or not of this manifest;
 * - Damaged, NewerSchema: the signature's file makes no sense, or was written for a newer SDK;
 * - BrowserError: the browser cannot check Ed25519 signatures, so that nothing was checked.
 *
 * @param folder the folder.
 * @param publicKey the signer's Ed25519 key as PEM, as `sentio-mobile bundle key` writes it. It belongs into the page's own
 * code.
 * @throws InputError `publicKey` is no Ed25519 key.
 */
export function signedFolder(folder: ModelFolder, publicKey: string): ModelFolder {
  const key = keyOf(publicKey);
  return {
    async read(path, options) {
      if (path !== MANIFEST) return folder.read(path, options);
      const { signal } = options ?? {};
      const manifest = await folder.read(MANIFEST, options);
      await check(manifest, await readSheet(folder, signal), key);
      return manifest;
    },
  };
}

async function readSheet(folder: ModelFolder, signal: AbortSignal | undefined): Promise<ArrayBuffer> {
  try {
    return await folder.read(SIGNATURE, { signal });
  } catch (error) {
    if (!(error instanceof MissingFile)) throw error;
    throw new MissingFile(`${SIGNATURE}: cannot be had, so the model is not opened (${reason(error)}); have the model signed`);
  }
}

async function check(manifest: ArrayBuffer, sheet: ArrayBuffer, key: Uint8Array<ArrayBuffer>): Promise<void> {
  const { signature, signer } = parse(sheet);
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) throw new BrowserError("This page cannot check its model: open it over https, or on localhost");
  const fingerprint = new Uint8Array(await subtle.digest("SHA-256", key));
  if (signer !== Array.from(fingerprint, (byte) => byte.toString(16).padStart(2, "0")).join("")) {
    throw new Tampered(`${SIGNATURE}: is of another key than the one that this page trusts; do not use the model`);
  }
  let imported: CryptoKey;
  try {
    imported = await subtle.importKey("spki", key, "Ed25519", false, ["verify"]);
  } catch (error) {
    throw new BrowserError(
      `This browser cannot check Ed25519 signatures (${reason(error)}), so the model is not opened; update the browser`,
    );
  }
  if (!(await subtle.verify("Ed25519", imported, signature, manifest))) {
    throw new Tampered(
      `${MANIFEST}: the signature does not hold: the manifest was changed, or another one was signed; do not use the model`,
    );
  }
}

function keyOf(pem: string): Uint8Array<ArrayBuffer> {
  const der = decoded((PEM.exec(pem)?.[1] ?? "").replace(/\s/g, ""));
  if (der?.length !== PREFIX.length + 32 || PREFIX.some((byte, i) => der[i] !== byte)) {
    throw new InputError("The public key is no Ed25519 key in PEM; give what `sentio-mobile bundle key` wrote");
  }
  return der;
}

function parse(bytes: ArrayBuffer): { signature: Uint8Array<ArrayBuffer>; signer: string } {
  if (bytes.byteLength > MAX_SHEET) throw damaged(`is longer than ${MAX_SHEET} bytes`);
  let sheet: Record<string, unknown>;
  try {
    sheet = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw damaged("is not JSON");
  }
  if (typeof sheet !== "object" || sheet === null || Array.isArray(sheet)) throw damaged("is no object");
  const { schema, algorithm, public_key_sha256: signer, signature: text } = sheet;
  if (typeof schema === "number" && schema > SCHEMA) {
    throw new NewerSchema(`${SIGNATURE}: has schema ${schema}, this app reads ${SCHEMA}; update the app`);
  }
  if (schema !== SCHEMA) throw damaged(`has schema ${JSON.stringify(schema)}, not ${SCHEMA}`);
  if (Object.keys(sheet).sort().join() !== FIELDS.join()) throw damaged(`has other fields than ${FIELDS.join(", ")}`);
  if (algorithm !== "Ed25519") throw damaged("has another algorithm than Ed25519");
  if (typeof signer !== "string" || !/^[0-9a-f]{64}$/.test(signer)) throw damaged("has no SHA-256 as its fingerprint");
  const signature = typeof text === "string" ? decoded(text) : undefined;
  // Base64 has spare bits: only one spelling of a signature is accepted.
  if (signature?.length !== 64 || btoa(String.fromCharCode(...signature)) !== text) {
    throw damaged("has no 64 bytes of base64 as its signature");
  }
  return { signature, signer };
}

function decoded(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function damaged(what: string): Damaged {
  return new Damaged(`${SIGNATURE}: ${what}; sign the model again`);
}
