// The live page: takes the newest frame, draws it when the browser draws, and sends wishes.
"use strict";
const $ = (id) => document.getElementById(id);
const SPEEDS = [["", "as begun"], ["1", "1"], ["10", "10"], ["60", "60"], ["300", "300"], ["0", "as fast as may be"]];
const SPANS = [["1", "4 min"], ["5", "20 min"], ["15", "1 h"]];
let frame = null, drawn = 0, source = null, past = new Past(), due = false;
const chosen = { symbol: "", venue: "" }, rate = [];

function cell(text, style) { const td = document.createElement("td"); td.textContent = text; if (style) td.className = style; return td; }
function row(...cells) { const tr = document.createElement("tr"); tr.append(...cells); return tr; }
function option(value, text) { const o = document.createElement("option"); o.value = value; o.textContent = text; return o; }
function named(name, n) { const td = cell(name), box = document.createElement("span"); box.className = `swatch v${n % 5}`; td.prepend(box); return td; }
function body(id) { return $(id).tBodies[0]; }

function follow(symbol) {
  if (source) source.close();
  document.body.dataset.followed = chosen.symbol = symbol;
  frame = null;
  past = new Past();
  coming.clear();
  source = new EventSource(`frames?symbol=${encodeURIComponent(symbol)}&step=${$("span").value}`);
  source.onmessage = (event) => { frame = JSON.parse(event.data); past.take(frame.past); takeCrosses(frame.crosses); later(); };
  source.addEventListener("over", (event) => { source.close(); say(JSON.parse(event.data), true); document.body.dataset.over = "true"; });
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) say("There are no frames: the run has ended, or there are too many viewers.", true); else say("The run does not answer: waiting for it."); };
}

function later() {
  if (due) return;
  due = true;
  const slow = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (slow || document.hidden) setTimeout(draw, 400); else requestAnimationFrame(draw);
}

function say(text, over) { $("said").textContent = text; $("said").className = over ? "over" : ""; }

function seconds(s) { const m = Math.floor(s / 60), h = Math.floor(m / 60); return h ? `${h} h ${String(m % 60).padStart(2, "0")} min` : m ? `${m} min ${String(Math.floor(s % 60)).padStart(2, "0")} s` : `${s.toFixed(1)} s`; }

function price(v) { return v ? v.toFixed(digits(frame.tick)) : "–"; }
function side(code) { return code === "B" ? cell("▲ buy", "up") : code === "S" ? cell("▽ sell", "down") : cell(code === "X" ? "○ cross" : "–"); }

function draw() {
  due = false;
  if (!frame) return;
  $("symbol-name").textContent = frame.symbol;
  $("clock").textContent = `${frame.clock} New York`;
  $("phase").textContent = frame.phase;
  $("nbbo").textContent = frame.nbbo[0] || frame.nbbo[2] ? `${price(frame.nbbo[0])} / ${price(frame.nbbo[2])}${frame.nbbo[0] && frame.nbbo[2] ? ` · spread ${(frame.nbbo[2] - frame.nbbo[0]).toFixed(digits(frame.tick))}` : ""}` : "";
  const [bids, asks] = drawLadder($("ladder"), frame, chosen.venue), fills = frame.agents.flatMap((a) => a.done.map((each) => [a.name, ...each])).sort((a, b) => b[1] - a[1]);
  if ($("ladder-details").open) body("ladder-table").replaceChildren(...asks.slice(0, 10).reverse().map((l) => row(cell(""), cell(price(l.price), "down"), cell(shares(l.sum)))), ...bids.slice(0, 10).map((l) => row(cell(shares(l.sum)), cell(price(l.price), "up"), cell(""))));
  drawHeat($("heat"), past, frame.tick, chosen.venue, frame.venues.map((v) => v.name), local, fills.filter((each) => !chosen.venue || each[5] === chosen.venue).map((each) => each.slice(1)));
  body("quotes").replaceChildren(...frame.venues.map((v, n) => { const b = v.bids[0] || [0, 0], a = v.asks[0] || [0, 0]; return row(named(v.name, n), cell(shares(b[1])), cell(price(b[0]), b[0] && b[0] === frame.nbbo[0] ? "best up" : ""), cell(price(a[0]), a[0] && a[0] === frame.nbbo[2] ? "best down" : ""), cell(shares(a[1]))); }),
    row(cell("Best of all"), cell(shares(frame.nbbo[1])), cell(price(frame.nbbo[0]), "best up"), cell(price(frame.nbbo[2]), "best down"), cell(shares(frame.nbbo[3]))));
  const tape = frame.tape.filter((t) => !chosen.venue || t[4] === chosen.venue).slice(-30).reverse();
  body("tape").replaceChildren(...(tape.length ? [] : [row(cell("none yet"), cell(""), cell(""), cell(""), cell(""))]), ...tape.map(([ms, p, n, code, venue]) => row(cell(moment(ms)), cell(price(p), { B: "up", S: "down", X: "best" }[code]), cell(shares(n)), side(code), cell(venue))));
  $("halts").textContent = frame.halts.length ? `Halted: ${frame.halts.map(([symbol, why, until]) => `${symbol} (${why}) ${until === null ? "for the rest of the day" : `until ${local(until).slice(0, 8)}`}`).join(", ")}` : "";
  drawCross(frame.cross);
  drawCrosses(choose);
  drawAgents(fills);
  facts();
  drawn += 1;
  document.body.dataset.columns = String(past.columns.length);
  document.body.dataset.drawn = String(drawn);
}

function drawAgents(fills) {
  $("agents-stack").hidden = !frame.agents.length;
  if (!frame.agents.length) return;
  body("agents").replaceChildren(...frame.agents.map((a) => row(cell(a.name), cell(shares(a.position)), cell(shares(a.fills)), cell(shares(a.open)), cell(a.worth.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })))));
  const orders = frame.agents.flatMap((a) => a.orders.map(([code, p, n, venue]) => row(cell(a.name), side(code), cell(price(p)), cell(shares(n)), cell(venue))));
  body("orders").replaceChildren(...(orders.length ? orders : [row(cell("none"), cell(""), cell(""), cell(""), cell(""))]));
  const done = fills.slice(0, 20).map(([name, ms, code, p, n, venue]) => row(cell(name), cell(moment(ms)), side(code), cell(price(p)), cell(shares(n)), cell(venue)));
  body("fills").replaceChildren(...(done.length ? done : [row(cell("none"), cell(""), cell(""), cell(""), cell(""), cell(""))]));
}

function local(ms) {
  // The clock of the frame is New York's: others stand as far from it as from the frame's instant.
  const base = Date.parse(`${frame.clock.replace(" ", "T")}Z`);
  return new Date(base + (ms - frame.now_ms)).toISOString().slice(11, 23);
}

function moment(ms) { return local(ms).slice(0, innerWidth < 500 ? 8 : 12); }  // what a narrow window has room for

function facts() {
  const run = frame.run, total = run.rows || Object.values(frame.rows).reduce((a, b) => a + b, 0), now = performance.now();
  rate.push([now, total]);
  while (rate.length > 2 && now - rate[0][0] > 5000) rate.shift();
  const took = (now - rate[0][0]) / 1000, found = [["Rows", total.toLocaleString("en-US")], ["Rows a second", took > 0.5 ? shares(Math.round((total - rate[0][1]) / took)) : "–"]];
  if (run.speed_now) found.push(["Simulated seconds a second", run.speed_now]);
  if (run.lag !== undefined) {
    found.push(["Rows on their way to the database", shares(run.lag)]);
    if (run.pending !== undefined) found.push(["Rows that it has yet to apply", shares(run.pending)]);
    found.push(["Pauses for it", run.waits ? `${run.pauses}: pausing now` : run.pauses ? `${run.pauses}, ${run.paused_s} s in all` : "0", run.waits]);
  }
  if (run.late) found.push(["Late by", `${run.late.toFixed(1)} s`, true]);
  $("run").replaceChildren(...found.map(([name, text, alarm]) => { const div = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd"); if (alarm) div.className = "alarm"; dt.textContent = name; dd.textContent = text; div.append(dt, dd); return div; }));
  $("pause").textContent = run.paused ? "Go on" : "Pause";
  for (const id of ["pause", "step", "speed"]) $(id).disabled = Boolean(run.fixed);
  if (run.fixed) say(run.fixed);
  document.body.dataset.paused = String(run.paused);
}

async function wish(what, value = 0) {
  try {
    const answer = await (await fetch("wish", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ what, value }) })).json();
    say(answer.refused || "");
  } catch (error) { say("The run does not answer."); }
}

function choose(symbol) {
  location.hash = encodeURIComponent(symbol);
  $("symbol").value = symbol;
  follow(symbol);
}

async function begin() {
  const run = await (await fetch("run")).json();
  $("title").textContent = document.title = run.title;
  $("symbol").append(...run.symbols.map((name) => option(name, name)));
  $("speed").append(...SPEEDS.map(([value, text]) => option(value, text)));
  const asked = decodeURIComponent(location.hash.slice(1));
  if (run.symbols.includes(asked)) $("symbol").value = asked;
  $("span").append(...SPANS.map(([value, text]) => option(value, text)));
  $("span").value = String(run.step);
  $("span").addEventListener("change", () => follow(chosen.symbol));
  $("symbol").addEventListener("change", () => choose($("symbol").value));
  $("crosses").tHead.addEventListener("click", sortCrosses);
  $("venue").addEventListener("change", () => { chosen.venue = $("venue").value; later(); });
  $("ladder-details").addEventListener("toggle", later);
  $("pause").addEventListener("click", () => wish(frame && frame.run.paused ? "go" : "pause"));
  $("step").addEventListener("click", () => wish("step"));
  $("speed").addEventListener("change", () => { if ($("speed").value !== "") wish("speed", Number($("speed").value)); });
  addEventListener("resize", later);
  if (typeof EventSource === "undefined") { say("This browser has no EventSource: open the page in another one.", true); return; }
  follow($("symbol").value);
  const names = setInterval(() => { if (!frame) return; clearInterval(names); $("venue").append(...frame.venues.map((v) => option(v.name, v.name))); }, 200);
}

begin();
