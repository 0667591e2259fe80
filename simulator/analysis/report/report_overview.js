// All symbols in one table, and the ways to the parts of the page.
"use strict";
const overview = { key: 0, down: false, table: null };
const COLUMNS = [["Symbol", (r) => r.name], ["First", (r) => r.first, usd], ["Last", (r) => r.last, usd], ["Change", (r) => r.change, (v) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${Math.abs(v).toFixed(2)} %`], ["First to last print", null], ["Low", (r) => r.low, usd], ["High", (r) => r.high, usd],
  ["Shares", (r) => r.shares, short], ["Prints", (r) => r.prints, short], ["In crosses", (r) => r.crossed, (v) => `${v.toFixed(1)} %`], ["Spread, 0.01 USD", (r) => r.spread, (v) => v.toFixed(2)], ...(R.tells_halts ? [["Halts", (r) => r.halts, String]] : [])];

function spark(points) {
  const svg = draw("svg", { viewBox: "0 0 100 22", width: 100, height: 22, "aria-hidden": "true" });
  let path = "";
  points.forEach((v, i) => { path += `${path ? "L" : "M"}${(i * 100 / Math.max(points.length - 1, 1)).toFixed(1)} ${(20 - v * 0.18).toFixed(1)}`; });
  svg.append(draw("path", { class: "line c1", d: path }));
  return svg;
}

function showOverview() {
  if (R.symbols.length < 2 || !R.overview) return;
  const part = make("section", { id: "overview", "aria-labelledby": "overview-title" }, make("h2", { id: "overview-title" }, "All symbols"), make("p", { class: "soft" }, "A symbol's name shows it in the charts below; a column's name sorts by it."));
  const head = make("tr", {}, ...COLUMNS.map(([name, of], n) => make("th", { scope: "col" }, of ? make("button", { type: "button", onclick: () => { overview.down = overview.key === n ? !overview.down : n > 0; overview.key = n; fillOverview(); } }, name) : name)));
  overview.table = make("table", {}, make("thead", {}, head), make("tbody"));
  part.append(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "All symbols: table" }, overview.table));
  main.prepend(part);
  overview.rows = R.overview.map((row, k) => {
    const [first, high, low, last] = row.prices.map((v) => (v ? v / R.units : NaN));
    return { k, name: R.symbols[k], first, high, low, last, change: 100 * (last / first - 1), shares: row.shares, prints: row.prints, crossed: row.crossed ?? NaN, spread: row.spread ?? NaN, halts: halts(k).length, line: row.line };
  });
  fillOverview();
}

function fillOverview() {
  const of = COLUMNS[overview.key][1], sign = overview.down ? -1 : 1, known = (v) => (Number.isNaN(v) ? -Infinity : v);
  const rows = overview.key ? [...overview.rows].sort((a, b) => sign * (known(of(a)) - known(of(b)))) : sign > 0 ? overview.rows : [...overview.rows].reverse();
  [...overview.table.tHead.rows[0].cells].forEach((th, n) => th.setAttribute("aria-sort", n === overview.key ? (overview.down ? "descending" : "ascending") : "none"));
  overview.table.tBodies[0].replaceChildren(...rows.map((row) => make("tr", { "data-symbol": row.k }, ...COLUMNS.map(([, value, format], n) => {
    if (!n) return make("th", { scope: "row" }, make("button", { type: "button", onclick: () => chooseSymbol(row.k) }, row.name));
    if (!value) return make("td", {}, spark(row.line));
    const v = value(row);
    return make("td", {}, Number.isNaN(v) ? "–" : format(v));
  }))));
  markOverview();
}

function markOverview() {
  if (overview.table) for (const tr of overview.table.tBodies[0].rows) tr.classList.toggle("shown", Number(tr.dataset.symbol) === chosen.symbol);
}

function showParts() {
  const jump = document.querySelector("nav.jump"), parts = [...document.querySelectorAll("main > section, #scorecard")].filter((part) => !part.hidden);
  jump.hidden = false;
  jump.append(...parts.map((part) => make("a", { href: `#${part.id}` }, part.querySelector("h2").textContent)));
}
