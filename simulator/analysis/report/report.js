// The report: what is chosen at its top decides what its charts show.
"use strict";
const R = JSON.parse(document.getElementById("data").textContent);
const clock = new Clock(R.offsets_ms || []);
const main = document.getElementById("main"), nav = document.querySelector("nav.choose");
const TYPES = { i4: Int32Array, u2: Uint16Array, u1: Uint8Array, f4: Float32Array };
const LINE = ["c1", "c2", "c3", "c4", "c5"];
const all = [], unpacked = new Map();
const chosen = { symbol: 0, venue: -1, agent: 0, from: R.start_ms, to: R.end_ms, window: 0 };

// A block of a symbol's columns: [name] -> [column][point].
async function unpack(block) {
  if (unpacked.has(block)) return unpacked.get(block);
  const bytes = Uint8Array.from(atob(block.data), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer(), found = { points: block.points, scale: block.scale };
  let at = 0;
  for (const [name, type, width, differs] of block.columns) {
    const columns = [];
    for (let n = 0; n < width; n++) {
      const size = TYPES[type].BYTES_PER_ELEMENT * block.points, column = new TYPES[type](buffer.slice(at, at + size));
      if (differs) for (let i = 1; i < column.length; i++) column[i] += column[i - 1];
      columns.push(column);
      at += size;
    }
    found[name] = columns;
  }
  unpacked.set(block, found);
  return found;
}

function price(data, value) { return value ? (value * data.scale) / R.units : NaN; }
function times(data, start, step, ends) { return Array.from({ length: data.points }, (_, i) => start + (i + (ends ? 1 : 0)) * step); }
function at(value) { return Math.min(Math.max(Math.floor((value - R.start_ms) / R.step_ms), 0), Math.ceil((R.end_ms - R.start_ms) / R.step_ms) - 1); }
function stamp(ms, seconds) { return `${clock.day(ms)} ${clock.time(ms, seconds ?? R.step_ms < 60000)}`; }
function shown() { return { x0: chosen.from, x1: chosen.to, step: R.step_ms, onrange: setRange }; }

function section(id, title, text) {
  const element = make("section", { id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title` }, title), text ? make("p", { class: "soft" }, text) : null);
  main.append(element);
  return element;
}

function chart(host) { const made = new Chart(host, clock); all.push(made); return made; }

// --- the symbol's day --------------------------------------------------------------------------------------------------
const day = section("day", "Price and volume", "Bars from the lowest to the highest print of a step, a line through the last ones. Drag over a chart to look closer; the buttons above bring back the whole run.");
const priceChart = chart(day), volumeChart = chart(day);
const bookPart = section("book", "The book through the run", "All venues' displayed shares as one book, at the end of each step: darker (in dark mode: brighter) is more. The line is the last print.");
const bookChart = chart(bookPart);
const closePart = section("seconds", "The book by the second", "Around crosses and halts, at the busiest moments, at each agent's largest order; others with python -m scenarios report --symbol --from --to.");
const windowHost = make("p", { class: "minutes" }), closeChart = (closePart.append(windowHost), chart(closePart));
const venuePart = section("venues", "Five venues, one price", "How far each venue's best bid (below) and best offer (above) stand from the midpoint of all.");
const venueChart = chart(venuePart), venueTwo = make("div", { class: "two" });
venuePart.append(venueTwo);
const leadChart = chart(venueTwo), shareChart = chart(venueTwo);
const shapePart = section("shape", "Spread and depth over the day");
const shapeTwo = make("div", { class: "two" });
shapePart.append(shapeTwo);
const spreadChart = chart(shapeTwo), depthChart = chart(shapeTwo);
const auctionPart = section("auctions", "Auctions");
const auctionNote = make("p"), auctionChart = (auctionPart.append(auctionNote), chart(auctionPart)), auctionTable = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Crosses" });
auctionPart.append(auctionTable);
const togetherPart = section("together", "What moves together", "Correlation of returns from step to step within sessions; the numbers stand in the table, too.");
const togetherHost = make("figure"), agentHost = R.agents.length ? section("agents", "Agents") : null;
togetherPart.append(togetherHost);

function crossMarks(symbol) {
  const letters = { OPEN: "open", CLOSE: "close", HALT_RESUME: "reopening" };
  return R.crosses.filter((row) => row[1] === symbol).map((row) => ({ at: row[0], text: letters[row[5]] || "" }));
}

function halts(symbol) { return R.halts.filter((row) => row[0] === symbol).map((row) => ({ from: row[1], to: row[2] })); }

function showDay(data, name) {
  const x = times(data, R.start_ms + R.step_ms / 2, R.step_ms), [open, high, low, last] = data.prices.map((column) => Array.from(column, (v) => price(data, v)));
  const step = R.step_ms / 1000, [shares, bought, prints] = data.volume;
  const read = (v) => { const i = at(v); return `${stamp(R.start_ms + i * R.step_ms)}: ${shares[i] ? `first ${usd(open[i])}, high ${usd(high[i])}, low ${usd(low[i])}, last ${usd(last[i])} USD` : "no prints"}, ${short(shares[i])} shares in ${short(prints[i])} prints, ${short(bought[i])} taken by buyers`; };
  const table = () => [["Time", "First", "High", "Low", "Last", "Shares", "Bought", "Prints"], rowsOf((i) => [stamp(R.start_ms + i * R.step_ms), usd(open[i]), usd(high[i]), usd(low[i]), usd(last[i]), shares[i], bought[i], prints[i]])];
  const common = { ...shown(), shades: halts(chosen.symbol), marks: crossMarks(chosen.symbol), read };
  priceChart.show({ ...common, title: `${name}: price, USD`, about: `Bars of ${step} seconds.`, height: 260, format: usd, table, series: [
    { kind: "range", name: "low to high", style: "c5", x, y: high, yLow: low }, { name: "last", style: "c1", x, y: filled(last) }] });
  const usual = Array.from(shares).filter((v, i) => v && x[i] >= chosen.from && x[i] <= chosen.to).sort((a, b) => a - b), most = usual[usual.length - 1] || 1;
  const top = Math.min(most * 1.06, 2.5 * (usual[Math.floor(usual.length * 0.98)] || 1));
  volumeChart.show({ ...common, marks: [], title: `${name}: shares traded in ${step >= 60 ? step / 60 + " min" : step + " s"}`, height: 130, low: 0, high: top, table,
    note: top < most ? `Cut off at ${short(top)}: the highest bar has ${short(most)}.` : "", series: [
    { kind: "bars", name: "all", style: "c5", x, y: Array.from(shares, (v) => Math.min(v, top)), step: R.step_ms }, { kind: "bars", name: "taken by buyers", style: "c2", x, y: Array.from(bought, (v) => Math.min(v, top)), step: R.step_ms, part: 0.4 }] });
}

function filled(values) { let before = NaN; return values.map((v) => (Number.isFinite(v) ? (before = v) : before)); }
function rowsOf(row) { const rows = []; for (let i = at(chosen.from); i <= at(chosen.to - 1); i++) rows.push(row(i)); return rows; }

// --- books -------------------------------------------------------------------------------------------------------------
function sizeOf(code) { return 2 ** (code / R.size_steps) - 1; }

function bookSpec(data, start, step, x0, x1) {
  const first = Math.max(Math.floor((x0 - start) / step), 0), stop = Math.min(Math.ceil((x1 - start) / step), data.points);
  const edges = [];
  const codes = [];
  for (let i = first; i < stop; i++) for (const side of [0, 1]) {
    const best = data.best[3 * side][i], count = data.best[3 * side + 2][i], tick = data.best[3 * side + 1][i];
    if (!best || !count) continue;
    const far = data.offsets[side * R.levels + count - 1][i] * tick;
    edges.push(best, best + (side ? far : -far) / data.scale);
    for (let n = 0; n < count; n++) codes.push(data.sizes[side * R.levels + n][i]);
  }
  edges.sort((a, b) => a - b);
  const low = edges.length ? edges[Math.floor(edges.length * 0.01)] : 0, high = edges.length ? edges[Math.ceil(edges.length * 0.99) - 1] : 1;
  codes.sort((a, b) => a - b);
  const spare = (high - low) * 0.03 || 1, least = (codes[Math.floor(codes.length * 0.05)] || 0) - 8, most = (codes[Math.floor(codes.length * 0.98)] || 1) + 4;
  const paint = (context, x, y, colourOf) => {
    for (let i = first; i < stop; i++) {
      const left = x(start + i * step), wide = Math.max(x(start + (i + 1) * step) - left + 0.4, 1);
      for (const side of [0, 1]) {
        const best = data.best[3 * side][i], count = data.best[3 * side + 2][i], tick = data.best[3 * side + 1][i] / data.scale;
        if (!best) continue;
        const tall = Math.max(Math.abs(y(0) - y(Math.max(tick, 1) * data.scale / R.units)), 1.2);
        for (let n = 0; n < count; n++) {
          const level = best + (side ? 1 : -1) * data.offsets[side * R.levels + n][i] * tick;
          context.fillStyle = colourOf((data.sizes[side * R.levels + n][i] - least) / (most - least || 1));
          context.fillRect(left, y(price(data, level)) - tall / 2, wide, tall);
        }
      }
    }
  };
  const row = (i) => {
    const bid = data.best[0][i], ask = data.best[3][i];
    return [usd(price(data, bid)), bid ? Math.round(sizeOf(data.sizes[0][i])) : "–", usd(price(data, ask)), ask ? Math.round(sizeOf(data.sizes[R.levels][i])) : "–", depth(data, 0, i), depth(data, 1, i)];
  };
  const scale = codes.length ? [short(Math.max(Math.round(sizeOf(least)), 1)), short(Math.round(sizeOf(most)))] : null;
  return { low: price(data, low - spare) || 0, high: price(data, high + spare) || 1, paint, row, scale };
}

function depth(data, side, i) { let sum = 0; for (let n = 0; n < 5; n++) sum += n < data.best[3 * side + 2][i] ? sizeOf(data.sizes[side * R.levels + n][i]) : 0; return Math.round(sum); }

function showBook(data, name) {
  const spec = bookSpec(data, R.start_ms, R.step_ms, chosen.from, chosen.to), x = times(data, R.start_ms + R.step_ms / 2, R.step_ms);
  const last = filled(Array.from(data.prices[3], (v) => price(data, v))), seen = last.filter((v, i) => Number.isFinite(v) && x[i] >= chosen.from && x[i] <= chosen.to), spare = (spec.high - spec.low) * 0.02;
  if (seen.length) Object.assign(spec, { low: Math.min(spec.low, Math.min(...seen) - spare), high: Math.max(spec.high, Math.max(...seen) + spare) });
  const words = (i) => { const [bid, bidSize, ask, askSize, below, above] = spec.row(i); return `${stamp(R.start_ms + (i + 1) * R.step_ms)}: bid ${bid} for about ${bidSize}, offer ${ask} for about ${askSize}; within five prices about ${below} and ${above} shares`; };
  bookChart.show({ ...shown(), ...spec, title: `${name}: displayed shares by price, USD`, height: 360, format: usd, read: (v) => words(at(v)), shades: [], marks: crossMarks(chosen.symbol),
    series: [{ name: "last print", style: "ink", x, y: last }],
    table: () => [["Time", "Bid", "Shares, about", "Offer", "Shares, about", "Five bids", "Five offers"], rowsOf((i) => [stamp(R.start_ms + (i + 1) * R.step_ms), ...spec.row(i)])] });
}

async function showWindow() {
  if (!R.windows.length) { closePart.hidden = true; return; }
  const window_ = R.windows[chosen.window], data = await unpack(window_.block), end = window_.start_ms + data.points * window_.step_ms;
  const spec = bookSpec(data, window_.start_ms, window_.step_ms, window_.start_ms, end);
  const prints = window_.prints.map((row) => ({ ms: window_.start_ms + row[0] / 1000, price: row[1] / R.units, size: row[2], side: row[3], venue: R.venues[row[4]] }));
  // A cross has no taker: its price is the point of the window, and lies inside of it.
  const isCross = (p) => R.crosses.some((row) => R.symbols[row[1]] === window_.symbol && Math.abs(row[0] - p.ms) < 0.01 && R.venues[row[2]] === p.venue), crossed = prints.filter(isCross), spare = (spec.high - spec.low) * 0.04;
  for (const p of crossed) if (p.price > spec.low - 10 * spare && p.price < spec.high + 10 * spare) { spec.low = Math.min(spec.low, p.price - spare); spec.high = Math.max(spec.high, p.price + spare); }
  const points = (side, name, style, kind, hollow) => { const mine = prints.filter((p) => p.side === side && !crossed.includes(p)); return { kind: "points", name, style, shape: kind, hollow, x: mine.map((p) => p.ms), y: mine.map((p) => p.price), size: mine.map((p) => Math.min(2 + Math.log2(1 + p.size / 100), 9)) }; };
  const place = (v) => Math.min(Math.max(Math.floor((v - window_.start_ms) / window_.step_ms), 0), data.points - 1);
  closeChart.show({ ...spec, x0: window_.start_ms, x1: end, step: window_.step_ms, title: `${window_.title} (New York time), USD`, height: 360, format: usd, marks: [],
    note: window_.left_out ? `${window_.left_out} smaller prints are not drawn.` : "",
    series: [points(0, "bought from the offer", "ink", "up", false), points(1, "sold to the bid", "ink", "down", true),
      ...(crossed.length ? [{ kind: "points", name: "cross", style: "own", shape: "diamond", x: crossed.map((p) => p.ms), y: crossed.map((p) => p.price), size: crossed.map(() => 8) }] : [])],
    read: (v) => { const i = place(v), t = window_.start_ms + i * 1000, near = prints.filter((p) => p.ms >= t && p.ms < t + 1000); const [bid, n, ask, m] = spec.row(i); return `${stamp(t, true)}: bid ${bid} for about ${n}, offer ${ask} for about ${m}; ${near.length} prints of ${short(near.reduce((sum, p) => sum + p.size, 0))} shares`; },
    table: () => [["Time", "Price", "Shares", "Taken by", "Venue"], prints.map((p) => [clock.local(p.ms).toISOString().slice(11, 23), usd(p.price), p.size, crossed.includes(p) ? "a cross" : p.side ? "a seller" : "a buyer", p.venue])] });
}

// --- venues ------------------------------------------------------------------------------------------------------------
function showVenues(data, name) {
  const x = times(data, R.start_ms, R.step_ms, true), k = chosen.symbol;
  const mid = x.map((_, i) => (data.best[0][i] && data.best[3][i] ? (price(data, data.best[0][i]) + price(data, data.best[3][i])) / 2 : NaN));
  const away = data.quotes.map((column) => x.map((_, i) => 100 * (price(data, column[i]) - mid[i]))), thin = thinned(x, away, chosen.from, chosen.to, 150);
  const series = thin.columns.map((y, n) => { const v = n >> 1; return { name: R.venues[v], quiet: n % 2 === 1, kind: thin.many > 1 ? "line" : "step", style: LINE[v % 5], dash: v % 5, dim: chosen.venue >= 0 && chosen.venue !== v, x: thin.x, y }; });
  const near = series.flatMap((s) => s.y.filter((v, i) => Number.isFinite(v) && s.x[i] >= chosen.from && s.x[i] <= chosen.to)).map(Math.abs).sort((a, b) => a - b);
  const most = near.length ? Math.max(near[Math.floor(near.length * 0.98)] * 1.15, 0.5) : 1;
  const quote = (v, i) => `${usd(price(data, data.quotes[2 * v][i]))} / ${usd(price(data, data.quotes[2 * v + 1][i]))}`;
  venueChart.show({ ...shown(), low: -most, high: most, title: `${name}: each venue's best quotes, in 0.01 USD from the midpoint`, height: 240, series, shades: halts(k), note: thin.many > 1 ? `Means of ${thin.many} steps, lines that leave the chart are cut off; look closer to see each step.` : "",
    read: (value) => { const i = at(value); return `${stamp(x[i])}: ${R.venues.map((venue, v) => `${venue} ${quote(v, i)}`).join(" · ")}`; },
    table: () => [["Time", ...R.venues.map((venue) => `${venue} bid / offer`)], rowsOf((i) => [stamp(x[i]), ...R.venues.map((_, v) => quote(v, i))])] });
  const share = (values) => { const sum = values.reduce((a, b) => a + b, 0) || 1; return values.map((v) => (100 * v) / sum); };
  const bars = (values, label, style, shift) => ({ kind: "bars", name: label, style, x: values.map((_, v) => v), y: values, part: 0.3, shift });
  const facts = R.by_venue, points = data.points || 1, names = { x0: -0.5, x1: R.venues.length - 0.5, names: R.venues, zero: true, step: 1 };
  const lead = share(facts.leads[k]), best = facts.at_best[k].map((v) => (100 * v) / points), rows = share(facts.rows[k]), shares = share(facts.shares[k]);
  const pick = (value) => Math.min(Math.max(Math.round(value), 0), R.venues.length - 1);
  const table = () => [["Venue", "Leads, %", "At the best, %", "Book rows, %", "Shares, %"], R.venues.map((venue, v) => [venue, ...[lead, best, rows, shares].map((a) => a[v].toFixed(1))])];
  const read = (value) => { const v = pick(value); return `${R.venues[v]}: betters the best quote first ${lead[v].toFixed(1)} % of the times, stands at it ${best[v].toFixed(1)} % of the time; ${rows[v].toFixed(1)} % of book rows, ${shares[v].toFixed(1)} % of shares`; };
  leadChart.show({ ...names, title: `${name}: who leads, %`, series: [bars(lead, "first to better the best quote", "c1", -0.55), bars(best, "stands at the best quote", "c2", 0.55)], read, table });
  shareChart.show({ ...names, title: `${name}: where it trades, %`, series: [bars(rows, "book rows", "c5", -0.55), bars(shares, "shares", "c3", 0.55)], read, table });
}

function showShape(data, name) {
  const x = times(data, R.start_ms, R.step_ms, true), spread = Array.from(data.spread[0], (v) => v / 100);
  const known = spread.filter((v, i) => Number.isFinite(v) && x[i] > chosen.from && x[i] <= chosen.to).sort((a, b) => a - b);
  const top = known.length ? Math.max(known[Math.floor(known.length * 0.98)] * 1.3, known[0] * 1.2, 0.1) : 1;
  const below = x.map((_, i) => depth(data, 0, i)), above = x.map((_, i) => depth(data, 1, i));
  const table = () => [["Time", "Spread, 0.01 USD", "Five bids, shares", "Five offers, shares"], rowsOf((i) => [stamp(x[i]), Number.isFinite(spread[i]) ? spread[i].toFixed(2) : "–", below[i], above[i]])];
  const read = (v) => { const i = at(v); return `${stamp(x[i])}: spread ${Number.isFinite(spread[i]) ? spread[i].toFixed(2) : "–"} × 0.01 USD, within five prices about ${short(below[i])} shares bid and ${short(above[i])} offered`; };
  spreadChart.show({ ...shown(), title: `${name}: spread over all venues, mean by time, 0.01 USD`, low: Math.min(known[0] ?? 0, 0), high: top, shades: halts(chosen.symbol), note: known[known.length - 1] > top ? `Cut off at ${short(top)}: the widest is ${short(known[known.length - 1])}.` : "", series: [{ name: "best offer less best bid", style: "c1", x, y: spread }], read, table });
  const thin = thinned(x, [below, above].map((column) => column.map((v) => v || NaN)), chosen.from, chosen.to, 150);
  depthChart.show({ ...shown(), title: `${name}: shares at the five best prices`, zero: true, shades: halts(chosen.symbol), note: thin.many > 1 ? `Means of ${thin.many} steps.` : "", series: [{ name: "bids", style: "bid", x: thin.x, y: thin.columns[0] }, { name: "offers", style: "ask", dash: 1, x: thin.x, y: thin.columns[1] }], read, table });
}

function showAuctions(name) {
  const crosses = R.crosses.filter((row) => row[1] === chosen.symbol), all = R.imbalances[chosen.symbol] || [];
  const ofAnother = (row, n) => n && (row[1] !== all[n - 1][1] || row[0] - all[n - 1][0] > 3600000), told = all.flatMap((row, n) => (ofAnother(row, n) ? [null, row] : [row]));  // a gap between two crosses
  const words = { OPEN: "opening", CLOSE: "closing", HALT_RESUME: "reopening" };
  auctionNote.textContent = R.crosses.length ? `${name}: ${crosses.length} of the run's ${R.crosses.length} crosses.` : "No cross was called in this run.";
  auctionTable.replaceChildren(tableOf(["Time", "Cross", "Venue", "Price", "Shares"], crosses.map((row) => [stamp(row[0], true), words[row[5]], R.venues[row[2]], usd(row[3]), row[4].toLocaleString("en-US")])));
  auctionChart.figure.hidden = !told.length;
  if (!told.length) { if (R.crosses.length) auctionNote.textContent += " What venues told before them is drawn for runs with --extra_tables imbalances."; return; }
  const x = told.map((_, i) => i), line = (n, label, style, dash) => ({ name: label, style, dash, x, y: told.map((row) => (row ? row[n] : NaN)) });
  const marks = told.flatMap((row, n) => (row && (!n || !told[n - 1]) ? [{ at: n, text: `before the ${words[row[1]]} cross` }] : []));
  const read = (v) => { const n = Math.min(Math.max(Math.round(v), 0), told.length - 1), row = told[n] || told[n + 1]; return `${stamp(row[0], true)}, ${words[row[1]]}: ${short(row[2])} paired, ${short(row[3])} left over ${row[4] === "B" ? "to buy" : row[4] === "S" ? "to sell" : ""}, at ${usd(row[5])}; would cross at ${usd(row[6])}`; };
  auctionChart.show({ x0: 0, x1: Math.max(told.length - 1, 1), step: 1, thin: true, marks, names: told.map((row) => (row ? clock.time(row[0], true) : "")), title: `${name}: what its listing venue told of its crosses, message after message`, zero: true, height: 200,
    series: [line(2, "shares paired", "c1", 0), line(3, "left over", "c2", 1)], read,
    table: () => [["Time", "Cross", "Paired", "Left over", "Side", "Reference", "Would cross at"], all.map((row) => [stamp(row[0], true), words[row[1]], row[2], row[3], row[4], usd(row[5]), usd(row[6])])] });
}

function showTogether() {
  const names = R.correlation.symbols, values = R.correlation.values, n = names.length, host = togetherHost;
  const known = values.some((row, i) => row.some((v, j) => i !== j && v !== null));
  if (!known) { togetherPart.hidden = true; return; }
  const most = Math.max(...values.flatMap((row, i) => row.filter((v, j) => i !== j && v !== null).map(Math.abs)), 0.01);
  const tells = n <= 12, cell = tells ? 40 : 22, left = 64, size = left + n * cell + 4, svg = draw("svg", { viewBox: `0 0 ${size} ${n * cell + 50}`, role: "img", "aria-label": `Correlation of ${n} symbols; the numbers follow as a table.` });
  svg.style.maxWidth = `${Math.min(size * (tells ? 1 : 1.3), 1000)}px`;
  svg.style.width = "100%";
  const dark = isDark(), base = dark ? [32, 40, 51] : [250, 250, 250], plus = dark ? [240, 190, 60] : [160, 70, 5], minus = dark ? [86, 180, 233] : [0, 85, 150];
  names.forEach((name, i) => {
    svg.append(draw("text", { x: left - 6, y: i * cell + cell / 2 + 4, "text-anchor": "end", "font-size": 11, fill: "currentColor" }, name));
    svg.append(draw("text", { transform: `translate(${left + i * cell + (tells ? 22 : 14)} ${n * cell + 8}) rotate(-60)`, "text-anchor": "end", "font-size": 11, fill: "currentColor" }, name));
    names.forEach((other, j) => {
      const v = values[i][j];
      if (v === null) return;
      const to = v >= 0 ? plus : minus, mixed = base.map((c, m) => Math.round(c + (to[m] - c) * Math.min(Math.abs(v) / most, 1)));
      const box = draw("rect", { x: left + j * cell, y: i * cell, width: cell - 1, height: cell - 1, fill: `rgb(${mixed.join(",")})` });
      box.append(draw("title", {}, `${name} and ${other}: ${v.toFixed(2)}`));
      svg.append(box);
      if (tells) svg.append(draw("text", { x: left + j * cell + cell / 2 - 0.5, y: i * cell + cell / 2 + 4, "text-anchor": "middle", "font-size": 11, fill: (0.3 * mixed[0] + 0.59 * mixed[1] + 0.11 * mixed[2]) > 130 ? "#111" : "#fff" }, v.toFixed(2)));
    });
  });
  const tableHost = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Correlation: table" });
  const details = make("details", { ontoggle: () => { if (details.open && !tableHost.firstChild) tableHost.append(tableOf(["Symbol", ...names], names.map((name, i) => [name, ...values[i].map((v) => (v === null ? "–" : v.toFixed(2)))]))); } }, make("summary", {}, "As a table"), tableHost);
  host.replaceChildren(make("p", { class: "soft" }, `Orange: they move together; blue: against each other; all of the colour is ${most.toFixed(2)} or more.`), svg, details);
}
