/** Puts the SDK where tests can reach it, without a page around it. */

import * as sdk from "../../src/sdk/index.ts";

declare global {
  interface Window {
    sdk: typeof sdk;
  }
}

window.sdk = sdk;
