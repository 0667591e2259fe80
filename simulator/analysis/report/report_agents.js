// The agents of the report, what can be chosen at its top, and its start.
"use strict";
let agentCharts = null;

async function showAgent() {
  if (!R.agents.length) return;
  const agent = R.agents[chosen.agent], data = await unpack(R.blocks[chosen.symbol]), name = R.symbols[chosen.symbol];
  if (!agentCharts) {
    const facts = make("dl", { class: "facts" }), two = make("div", { class: "two" });
    agentHost.append(facts);
    const fills = chart(agentHost);
    agentHost.append(two);
    agentCharts = { facts, fills, inventory: chart(two), equity: chart(two), drawdown: chart(two), quality: chart(two), states: chart(two) };
  }
  const charts = agentCharts, x = times(data, R.start_ms, R.step_ms, true);
  charts.facts.replaceChildren(...[["Agent", agent.name], ...agent.facts].map(([what, text]) => make("div", {}, make("dt", {}, what), make("dd", {}, text))));
  const mine = agent.fills.filter((row) => row[1] === chosen.symbol), last = filled(Array.from(data.prices[3], (v) => price(data, v)));
  const dots = (bought, label, kind, style) => { const rows = mine.filter((row) => (row[3] > 0) === bought); return { kind: "points", name: label, style, shape: kind, x: rows.map((r) => r[0]), y: rows.map((r) => r[2] / R.units), size: rows.map((r) => Math.min(3 + Math.log2(1 + Math.abs(r[3]) / 100), 8)) }; };
  const words = ["maker", "taker", "cross"];
  charts.fills.show({ ...shown(), title: `${agent.name}: its fills in ${name}, USD`, height: 260, format: usd, note: mine.length ? (agent.left_out ? `${agent.left_out} smaller fills are not drawn.` : "") : `It has no fill in ${name}; it traded ${agent.symbols.join(", ") || "nothing"}.`,
    series: [{ name: "last print", style: "c5", x: times(data, R.start_ms + R.step_ms / 2, R.step_ms), y: last }, dots(true, "bought", "up", "bid"), dots(false, "sold", "down", "ask")],
    read: (v) => { const t = R.start_ms + at(v) * R.step_ms, near = mine.filter((r) => r[0] >= t && r[0] < t + R.step_ms); return `${stamp(t)}: ${near.length} fills, ${short(near.reduce((sum, r) => sum + r[3], 0))} shares net`; },
    table: () => [["Time", "Price", "Shares", "As", "Venue"], mine.map((r) => [clock.local(r[0]).toISOString().slice(0, 23).replace("T", " "), usd(r[2] / R.units), r[3], words[r[4]], R.venues[r[5]]])] });
  const over = (host, title, series) => host.show({ ...shown(), title, zero: true, series: series.map((s, i) => ({ style: LINE[i % 5], dash: i % 5, x, ...s })),
    read: (v) => `${stamp(x[at(v)])}: ${series.map((s) => `${s.name} ${short(s.y[at(v)])}`).join(", ")}`,
    table: () => [["Time", ...series.map((s) => s.name)], rowsOf((i) => [stamp(x[i]), ...series.map((s) => short(s.y[i]))])] });
  over(charts.inventory, `${agent.name}: shares held`, agent.symbols.map((symbol, i) => ({ name: symbol, kind: "step", y: agent.inventory[i] })));
  over(charts.equity, `${agent.name}: equity, USD`, [{ name: "equity", y: agent.equity }]);
  let peak = -Infinity;
  over(charts.drawdown, `${agent.name}: drawdown, USD`, [{ name: "below its highest equity", y: agent.equity.map((v) => { peak = Math.max(peak, v); return v - peak; }) }]);
  const labels = ["slippage", ...R.horizons_s.map((s) => `after ${s}\u00a0s`)], columns = agent.quality.map((q) => [-q[2], ...q[3]]);
  charts.quality.show({ x0: -0.5, x1: labels.length - 0.5, step: 1, names: labels, zero: true, title: `${agent.name}: gain against the midpoint, bps by shares`,
    about: "Slippage: price against the midpoint when the order was sent. Markouts: midpoint afterwards against the price.",
    series: agent.quality.map((q, i) => ({ kind: "bars", name: q[0], style: LINE[i], x: labels.map((_, n) => n), y: columns[i], part: 0.24, shift: 1.1 * (i - (agent.quality.length - 1) / 2) })),
    read: (v) => { const n = Math.min(Math.max(Math.round(v), 0), labels.length - 1); return `${labels[n]}: ${agent.quality.map((q, i) => `${q[0]} ${columns[i][n] === null ? "–" : Number(columns[i][n]).toFixed(2)} bps`).join(", ")}`; },
    table: () => [["As", "Shares", ...labels.map((l) => `${l}, bps`)], agent.quality.map((q, i) => [q[0], q[1], ...columns[i].map((v) => (v === null ? "–" : Number(v).toFixed(2)))])] });
  charts.states.show({ x0: -0.5, x1: Math.max(agent.states.length, 1) - 0.5, step: 1, names: agent.states.map((s) => s[0]), zero: true, title: `${agent.name}: orders by what became of them`,
    series: [{ kind: "bars", name: "orders", quiet: true, style: "c3", x: agent.states.map((_, i) => i), y: agent.states.map((s) => s[1]), part: 0.5 }],
    read: (v) => { const s = agent.states[Math.min(Math.max(Math.round(v), 0), agent.states.length - 1)]; return s ? `${s[0]}: ${s[1].toLocaleString("en-US")}` : "No orders."; },
    table: () => [["State", "Orders"], agent.states] });
}

async function showSymbol() {
  try {
    const data = await unpack(R.blocks[chosen.symbol]), name = R.symbols[chosen.symbol];
    showDay(data, name); showBook(data, name); showVenues(data, name); showShape(data, name); showAuctions(name);
    await showAgent();
  } catch (error) {
    document.getElementById("day").prepend(make("p", { class: "note", role: "alert" }, typeof DecompressionStream === "undefined" ? "This browser cannot unpack the page's numbers: open it in one of 2023 or later." : `The page's numbers cannot be read: ${error}`));
  }
  markOverview();
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn || 0) + 1);
}

function setRange(from, to) {
  chosen.from = Math.max(Math.min(from, to), R.start_ms);
  chosen.to = Math.min(Math.max(from, to, chosen.from + 3 * R.step_ms), R.end_ms);
  showSymbol();
}

function move(part, zoom) {
  const wide = (chosen.to - chosen.from) * zoom, middle = (chosen.from + chosen.to) / 2 + part * (chosen.to - chosen.from);
  const from = Math.min(Math.max(middle - wide / 2, R.start_ms), Math.max(R.end_ms - wide, R.start_ms));
  setRange(from, from + wide);
}

// The minutes by the second are that symbol's, too, where there are some of it.
function chooseSymbol(value) {
  chosen.symbol = value;
  document.getElementById("symbol").value = String(value);
  const name = R.symbols[value], found = R.windows.findIndex((w) => w.symbol === name);
  if (found >= 0 && R.windows[chosen.window].symbol !== name) { chosen.window = found; const select = document.getElementById("window"); if (select) select.value = String(found); showWindow(); }
  showSymbol();
}

function picker(id, label, names, onchange, first = []) {
  const select = make("select", { id, onchange: () => onchange(Number(select.value)) });
  for (const [value, text] of [...first, ...names.map((name, i) => [i, name])]) select.append(make("option", { value }, text));
  nav.append(make("label", { for: id }, label, select));
  return select;
}

function begin() {
  const order = R.symbols.map((name, i) => i);
  nav.hidden = false;
  picker("symbol", "Symbol", order.map((i) => R.symbols[i]), chooseSymbol);
  picker("venue", "Venue", R.venues, (value) => { chosen.venue = value; showSymbol(); }, [[-1, "all"]]);
  if (R.agents.length) picker("agent", "Agent", R.agents.map((a) => a.name), (value) => {
    chosen.agent = value;
    const traded = R.symbols.indexOf(R.agents[value].symbols[0]);
    if (traded >= 0) chooseSymbol(traded); else showSymbol();
  });
  const ranges = [["the whole run", R.start_ms, R.end_ms]];
  for (const p of R.phases) {
    const date = R.phases.length > 1 ? ` of ${p.date}` : "";
    for (const [text, from, to] of [[`the session${date}`, p.open_ms, p.close_ms], [`its first half hour${date}`, p.open_ms - 120000, p.open_ms + 1800000], [`its last half hour${date}`, p.close_ms - 1800000, p.close_ms + 600000]])
      if (Math.min(to, R.end_ms) - Math.max(from, R.start_ms) > 2 * R.step_ms) ranges.push([text, from, to]);
  }
  picker("range", "Time", ranges.map((r) => r[0]), (value) => setRange(ranges[value][1], ranges[value][2]));
  const button = (text, label, act) => make("button", { type: "button", "aria-label": label, onclick: act }, text);
  nav.append(make("span", {}, button("←", "Earlier", () => move(-0.5, 1)), button("→", "Later", () => move(0.5, 1)), button("+", "Closer", () => move(0, 0.5)), button("−", "Wider", () => move(0, 2)),
    button("All", "All of the run", () => { document.getElementById("range").value = "0"; setRange(R.start_ms, R.end_ms); })));
  if (R.windows.length > 1) {
    const select = make("select", { id: "window", onchange: () => { chosen.window = Number(select.value); showWindow(); } });
    R.windows.forEach((w, i) => select.append(make("option", { value: i }, w.title)));
    windowHost.append(make("label", { for: "window" }, "Which minutes: ", select));
  }
  for (const copy of document.querySelectorAll("button[data-copy]")) copy.addEventListener("click", () => navigator.clipboard?.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; }, () => {}));
  if (R.first) { chosen.symbol = R.first; document.getElementById("symbol").value = String(R.first); }
  showOverview();
  showTogether();
  showWindow();
  showSymbol();
  if (R.show) for (const part of main.querySelectorAll("section")) part.hidden = part.hidden || !R.show.includes(part.id);
  else showParts();
  const redraw = () => all.forEach((each) => each.drawNow()), anew = () => { redraw(); showTogether(); };
  let waiting = 0;
  new ResizeObserver(() => { clearTimeout(waiting); waiting = setTimeout(redraw, 80); }).observe(main);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", anew);
  addEventListener("beforeprint", () => { document.documentElement.setAttribute("data-print", ""); anew(); });
  addEventListener("afterprint", () => { document.documentElement.removeAttribute("data-print"); anew(); });
}

if (R.symbols.length) begin();
