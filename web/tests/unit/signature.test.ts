import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openBundle } from "../../src/sdk/bundle.ts";
import { BrowserError, Damaged, InputError, MissingFile, NewerSchema, SentioError, Tampered } from "../../src/sdk/errors.ts";
import type { ModelFolder } from "../../src/sdk/folder.ts";
import { signedFolder } from "../../src/sdk/signature.ts";
import { WEB } from "../support/paths.ts";

interface Case {
  name: string;
  manifest: "signed" | "changed";
  sheet: string | null;
  public_key: string;
  verdict: string;
}

const FILE = join(WEB, "../export/golden/signatures.json");
const skip = existsSync(FILE) ? false : "no ../export/golden; this project was packaged";
const golden: { files: Record<string, string>; manifests: Record<string, string>; cases: Case[] } = skip
  ? { files: {}, manifests: {}, cases: [] }
  : JSON.parse(readFileSync(FILE, "utf8"));
const good = golden.cases.find(({ verdict }) => verdict === "holds") as Case;

function folder(one: Case, others: Record<string, string> = {}): ModelFolder & { read_: string[] } {
  const files: Record<string, string | null | undefined> = {
    ...golden.files,
    "manifest.json": golden.manifests[one.manifest],
    "manifest.sig.json": one.sheet,
    ...others,
  };
  const read_: string[] = [];
  return {
    read_,
    async read(path) {
      read_.push(path);
      const text = files[path];
      if (text === null || text === undefined) throw new MissingFile(`${path}: is missing`);
      return new TextEncoder().encode(text).buffer;
    },
  };
}

async function verdict(one: Case): Promise<string> {
  try {
    const { manifest } = await openBundle(signedFolder(folder(one), one.public_key));
    assert.equal(manifest.release, "1");
    return "holds";
  } catch (error) {
    if (!(error instanceof SentioError)) throw error;
    assert.ok(!error.message.includes("\n"));
    if (error instanceof Tampered) return error.message.includes("another key") ? "other key" : "tampered";
    if (error instanceof MissingFile) return "unsigned";
    if (error instanceof NewerSchema) return "newer";
    if (error instanceof Damaged) return "damaged";
    if (error instanceof InputError) return "no key";
    throw error;
  }
}

test("signatures are judged as every language must", { skip }, async () => {
  assert.ok(golden.cases.length >= 25);
  for (const one of golden.cases) assert.equal(await verdict(one), one.verdict, one.name);
});

test("the model of a signed folder is still held to its hash", { skip }, async () => {
  await assert.rejects(openBundle(signedFolder(folder(good, { "model.onnx": "A model" }), good.public_key)), Tampered);
});

test("nothing else of a folder is read before its signature holds", { skip }, async () => {
  const bad = golden.cases.find(({ verdict: found }) => found === "tampered") as Case;
  const source = folder(bad);
  await assert.rejects(openBundle(signedFolder(source, bad.public_key)), Tampered);
  assert.deepEqual(source.read_, ["manifest.json", "manifest.sig.json"]);
});

test("a browser without Ed25519 is told apart from a signature that does not hold", { skip }, async (t) => {
  t.mock.method(crypto.subtle, "importKey", async () => {
    throw new DOMException("Unrecognized name.", "NotSupportedError");
  });
  await assert.rejects(
    openBundle(signedFolder(folder(good), good.public_key)),
    (error) => error instanceof BrowserError && /cannot check Ed25519 signatures.*is not opened/.test(error.message),
  );
});
