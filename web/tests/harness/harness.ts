/** Puts the SDK where tests can reach it, without a page around it, and parts of it that apps do not see. */

import { openBundle } from "../../src/sdk/bundle.ts";
import * as sdk from "../../src/sdk/index.ts";
import { startInference } from "../../src/sdk/inference.ts";

declare global {
  interface Window {
    sdk: typeof sdk;
    parts: typeof parts;
  }
}

const parts = { openBundle, startInference };

window.sdk = sdk;
window.parts = parts;
