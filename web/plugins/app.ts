/** What the app is called, and the headers it needs: from app.json and headers.json into the page, its server, and dist/. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

interface App {
  /** What people call it. */
  readonly name: string;
  /** A reverse domain name that tells it from other apps. */
  readonly id: string;
}

/** The colours of the page's edges, by scheme; style.css has the same. */
const COLOURS = { light: "#f6f5f2", dark: "#0f0e13" };

/** app.json and headers.json of the project. */
export function readSettings(): { app: App; headers: Record<string, string> } {
  const read = <T>(name: string) => JSON.parse(readFileSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), "utf8")) as T;
  return { app: read<App>("app.json"), headers: read<Record<string, string>>("headers.json") };
}

/** The plugin; the development server gets all headers but the policy, as its own client injects styles. */
export function appPlugin(): Plugin {
  const { app, headers } = readSettings();
  const policy = headers["Content-Security-Policy"] ?? "";
  let building = false;
  return {
    name: "sentio-app",
    config(_, { command }) {
      building = command === "build";
      const { "Content-Security-Policy": _policy, ...others } = headers;
      return { server: { headers: others }, preview: { headers } };
    },
    transformIndexHtml(html) {
      const named = html.replaceAll("%APP_NAME%", escaped(app.name));
      if (!building) return named;
      return {
        html: named,
        // Hosts that send no headers still get the policy; first in the head, so that it holds for all that follows.
        tags: [{ tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: policy }, injectTo: "head-prepend" }],
      };
    },
    generateBundle() {
      const manifest = {
        id: app.id,
        name: app.name,
        short_name: app.name,
        description: "How music feels, told on your device.",
        start_url: "./",
        scope: "./",
        display: "standalone",
        background_color: COLOURS.dark,
        theme_color: COLOURS.dark,
        icons: [
          { src: "icon.svg", sizes: "any", type: "image/svg+xml" },
          { src: "icon-192.png", sizes: "192x192", type: "image/png" },
        ],
      };
      this.emitFile({ type: "asset", fileName: "app.webmanifest", source: `${JSON.stringify(manifest, null, 2)}\n` });
      // The form that several static hosts read.
      const lines = Object.entries(headers).map(([name, value]) => `  ${name}: ${value}`);
      this.emitFile({ type: "asset", fileName: "_headers", source: `/*\n${lines.join("\n")}\n` });
    },
  };
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
