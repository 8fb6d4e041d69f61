/** What the page says of the model, and no more than its folder states. */

import type { SentioModel } from "../sdk/index.ts";
import { byId, facts } from "./dom.ts";
import { megabytes } from "./words.ts";

/** Fill in the notes under the plane. */
export function describe(model: SentioModel): void {
  const { manifest, artifact, spec } = model;
  byId("model-note").textContent = manifest.generatedLabels
    ? "This model learned from generated music with generated labels. It shows that the software works, and says nothing about how people feel."
    : manifest.withoutLabels
    ? "This model learned from music that nobody rated, by following another model. Its answers are not ratings."
    : "This model learned from what listeners said of songs. Music unlike those songs may be judged wrongly.";
  const { uncertainty } = spec;
  byId("legend-range").hidden = !uncertainty;
  byId("interval-note").textContent = uncertainty
    ? `Ranges hold for ${Math.round(100 * uncertainty.coverage)} of 100 new songs like the ${uncertainty.songs} that they were measured on, for each of the two numbers by itself.`
    : "How far this model may be off was not measured, so no ranges are shown.";
  facts(byId("model-facts"), [
    ["Name", `${manifest.name}, release ${manifest.release}`],
    [
      "Hears",
      `${spec.audio.seconds} s at ${spec.audio.sampleRate.toLocaleString("en")} Hz, ${spec.pooling ? "mean of all" : "one clip"}`,
    ],
    ["File", `${artifact.precision}, ${megabytes(manifest.files.get(artifact.path)?.bytes ?? 0)}, hash checked`],
    ["Licence", manifest.licence],
    ["Threads", String(model.threads)],
  ]);
}
