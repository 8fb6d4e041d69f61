"use strict";
// Columns sort by their headings, and on a wide screen the tables of files are open.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const at = (row, column) => {
    let passed = 0;
    for (const cell of row.cells) {
      if (passed + cell.colSpan > column) return cell.textContent.trim();
      passed += cell.colSpan;
    }
    return "";
  };
  const number = (text) => {
    const found = /^(?:at (?:least|most) )?([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)/i.exec(text);
    return found ? Number(found[1].replaceAll(",", "")) : null;
  };
  headings.forEach((heading, column) => {
    if (!heading.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, text: at(row, column), value: number(at(row, column)) }));
      const known = rows.filter((one) => one.value !== null).length * 2 > rows.length;
      rows.sort((a, b) => {
        if (known && (a.value === null || b.value === null)) return (a.value === null) - (b.value === null);
        const order = known ? a.value - b.value : a.text.localeCompare(b.text);
        return down ? -order : order;
      });
      body.append(...rows.map((one) => one.row));
    });
  });
}
if (matchMedia("(min-width: 48rem)").matches) {
  for (const part of document.querySelectorAll("details.wide")) part.open = true;
}
