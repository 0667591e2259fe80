// Charts of the report: lines, bars and marks as SVG, books as a heatmap on a canvas. Names are only ever set as text.
"use strict";
const SVG = "http://www.w3.org/2000/svg";
const DASH = ["", "7 3", "2 3", "9 3 2 3", "4 4"];
const LEFT = 62, RIGHT = 24, LINE_HEIGHT = 13;

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function draw(tag, properties, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function short(value) {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return (value / 1e9).toFixed(1) + " bn";
  if (size >= 1e6) return (value / 1e6).toFixed(1) + " M";
  if (size >= 1e4) return Math.round(value / 1e3) + " k";
  if (size >= 100 || Number.isInteger(value)) return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  return value.toLocaleString("en-US", { maximumFractionDigits: size >= 1 ? 2 : 4 });
}

function usd(value) { return value === null || !Number.isFinite(value) ? "–" : value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 }); }

function ticks(low, high, count) {
  const raw = (high - low) / count || 1, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * size).find((s) => s >= raw);
  const found = [];
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) found.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return found;
}

// The clock of New York: what to add to UTC is in the page, for a browser elsewhere need not know.
class Clock {
  constructor(zone) { this.zone = zone; }
  local(ms) {
    let add = 0;
    for (const [from, offset] of this.zone) if (ms >= from || add === 0) add = offset;
    return new Date(ms + add);
  }
  time(ms, seconds = false) { return this.local(ms).toISOString().slice(11, seconds ? 19 : 16); }
  day(ms) { return this.local(ms).toISOString().slice(5, 10); }
  ticks(from, to, count) {
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800].map((s) => s * 1000);
    const step = steps.find((s) => (to - from) / s <= count) || steps[steps.length - 1];
    const shift = this.local(from).getTime() - from, found = [];
    for (let v = Math.ceil((from + shift) / step) * step - shift; v <= to; v += step) found.push(v);
    return found.map((v) => [v, step >= 86400000 ? this.day(v) : this.time(v, step < 60000)]);
  }
}

// One chart. spec: title, height, x0, x1 (ms), series, marks, shades, format, zero, table, onrange; or names instead of times.
class Chart {
  constructor(host, clock) {
    this.clock = clock;
    this.plot = make("div", { class: "plot", tabindex: "0", role: "img" });
    this.caption = make("figcaption");
    this.legend = make("div", { class: "legend" });
    this.readout = make("p", { class: "readout", "aria-live": "polite" });
    this.tableHost = make("div", { class: "scroll", tabindex: "0", role: "region" });
    this.details = make("details", { ontoggle: () => this.fillTable() }, make("summary", {}, "As a table"), this.tableHost);
    this.figure = make("figure", {}, this.caption, this.legend, this.plot, this.readout, this.details);
    host.append(this.figure);
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerdown", (event) => { this.dragFrom = this.valueAt(event); });
    this.plot.addEventListener("pointerup", (event) => this.drop(event));
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.cursorAt = null;
  }

  show(spec) {
    this.spec = spec;
    this.caption.textContent = spec.title;
    this.plot.setAttribute("aria-label", `${spec.title}. ${spec.about || ""} Arrow keys read the values; a table follows.`);
    this.tableHost.setAttribute("aria-label", `${spec.title}: table`);
    this.tableDone = false;
    this.cursorAt = null;
    this.readout.textContent = spec.note || "";
    this.drawNow();
    if (this.details.open) this.fillTable();
  }

  drawNow() {
    const spec = this.spec;
    if (!spec) return;
    const width = this.width = Math.max(this.plot.clientWidth || 600, 260), height = this.height = spec.height || 200;
    this.svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true" });
    this.plot.replaceChildren(this.svg);
    this.legend.replaceChildren(...(spec.series || []).filter((s) => s.name && !s.quiet).map((s) => this.legendItem(s)));
    if ((spec.shades || []).some((shade) => shade.from < spec.x1 && (shade.to ?? spec.x1) > spec.x0)) this.legend.append(make("span", {}, make("i", { class: "shadow" }), "halted"));
    if (spec.paint && spec.scale) this.legend.append(this.rampItem(spec.scale));
    const labels = this.labels();
    this.top = (spec.marks || []).some((mark) => mark.text) ? 20 : 8;  // room for what stands above a mark
    this.bottom = 9 + LINE_HEIGHT * Math.max(1, ...labels.map(([, lines]) => lines.length));
    const [low, high] = this.range();
    this.low = low; this.high = high;
    this.y = (v) => height - this.bottom - ((v - low) / (high - low)) * (height - this.top - this.bottom);
    this.x = (v) => LEFT + ((v - spec.x0) / (spec.x1 - spec.x0)) * (width - LEFT - RIGHT);
    for (const v of ticks(low, high, Math.max(2, Math.round(height / 45)))) {
      this.svg.append(draw("path", { class: "grid", d: `M${LEFT} ${this.y(v).toFixed(1)}H${width - RIGHT}` }));
      this.svg.append(draw("text", { x: LEFT - 6, y: this.y(v) + 4, "text-anchor": "end" }, (spec.format || short)(v)));
    }
    for (const [v, lines] of labels) lines.forEach((text, n) => this.svg.append(draw("text", { x: this.x(v), y: height - this.bottom + 16 + n * LINE_HEIGHT, "text-anchor": "middle" }, text)));
    for (const shade of spec.shades || []) {
      const from = Math.max(this.x(shade.from), LEFT), to = Math.min(this.x(shade.to ?? spec.x1), width - RIGHT);
      if (to > from) this.svg.append(draw("rect", { class: "shade", x: from, y: this.top, width: Math.max(to - from, 1), height: height - this.top - this.bottom }));
    }
    if (spec.paint) this.paint();
    for (const series of spec.series || []) this.series(series);
    for (const mark of spec.marks || []) if (mark.at >= spec.x0 && mark.at <= spec.x1) {
      this.svg.append(draw("path", { class: "mark", d: `M${this.x(mark.at).toFixed(1)} ${this.top}V${height - this.bottom}` }));
      const right = this.x(mark.at) < width - RIGHT - 70;
      this.svg.append(draw("text", { x: this.x(mark.at) + (right ? 1 : -1), y: this.top - 5, "text-anchor": right ? "start" : "end" }, mark.text));
    }
    this.svg.append(draw("path", { class: "axis", d: `M${LEFT} ${this.top}V${height - this.bottom}H${width - RIGHT}` }));
    this.cursor = draw("path", { class: "cursor", d: "" });
    this.svg.append(this.cursor);
  }

  // What stands below: names in as many lines as their room needs, or times.
  labels() {
    const spec = this.spec, room = (this.width - LEFT - RIGHT) / ((spec.names || []).length || 1) / 6.3;
    if (!spec.names) return this.clock.ticks(spec.x0, spec.x1, this.width / 85).map(([v, text]) => [v, [text]]);
    const every = spec.thin ? Math.ceil(60 / Math.max((this.width - LEFT - RIGHT) / spec.names.length, 0.1)) : 1;
    return spec.names.map((name, i) => [i, i % every ? [] : spec.thin ? [name] : wrapped(name, room)]);
  }

  rampItem([least, most]) {
    const canvas = make("canvas", { class: "ramp", width: 64, height: 1, "aria-hidden": "true" }), context = canvas.getContext("2d"), colourOf = ramp();
    for (let n = 0; n < 64; n++) { context.fillStyle = colourOf(n / 63); context.fillRect(n, 0, 1, 1); }
    return make("span", {}, `shares: up to ${least}`, canvas, `${most} and more`);
  }

  range() {
    const spec = this.spec;
    if (spec.low !== undefined) return [spec.low, spec.high];
    let low = Infinity, high = -Infinity;
    for (const s of spec.series || []) s.y.forEach((v, i) => {
      if (v === null || !Number.isFinite(v) || s.x[i] < spec.x0 || s.x[i] > spec.x1) return;
      low = Math.min(low, s.yLow ? s.yLow[i] : v); high = Math.max(high, v);
    });
    if (!(low <= high)) return [0, 1];
    if (spec.zero) { low = Math.min(low, 0); high = Math.max(high, 0); }
    if (spec.zero && low === high) return [-1, 1];
    const spare = (high - low) * 0.06 || Math.abs(high) * 0.01 || 1;
    return [spec.zero && low === 0 ? 0 : low - spare, spec.zero && high === 0 ? 0 : high + spare];
  }

  legendItem(series) {
    const box = draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
    const style = `${series.style}${series.kind === "line" || series.kind === "step" || !series.kind ? " line" : ""}`;
    if (series.kind === "bars" || series.kind === "range") box.append(draw("rect", { class: `${series.style} fill`, x: 4, y: 1, width: 18, height: 8 }));
    else if (series.kind === "points") box.append(draw("path", { class: `${series.style} ${series.hollow ? "hollow" : "fill"}`, d: shape(series.shape, 13, 5, 4) }));
    else box.append(draw("path", { class: style, d: "M0 5H26", "stroke-dasharray": DASH[series.dash || 0] }));
    return make("span", {}, box, series.name);
  }

  series(series) {
    const { x, y, svg, spec } = this, xs = series.x, ys = series.y;
    const extra = series.dim ? " dim" : "";
    if (series.kind === "bars") {
      const wide = Math.max(((this.width - LEFT - RIGHT) / (spec.names ? spec.names.length : (spec.x1 - spec.x0) / series.step)) * (series.part || 0.8), 0.6);
      let path = "";
      ys.forEach((v, i) => { if (Number.isFinite(v) && v !== 0 && xs[i] >= spec.x0 - 1 && xs[i] <= spec.x1) path += `M${(x(xs[i]) + (series.shift || 0) * wide).toFixed(1)} ${y(0).toFixed(1)}V${y(v).toFixed(1)}`; });
      svg.append(draw("path", { class: `bars ${series.style}${extra}`, d: path, "stroke-width": wide.toFixed(2) }));
    } else if (series.kind === "range") {
      let path = "";
      ys.forEach((v, i) => { if (Number.isFinite(v) && xs[i] >= spec.x0 && xs[i] <= spec.x1) path += `M${x(xs[i]).toFixed(1)} ${(y(series.yLow[i]) + 0.5).toFixed(1)}V${(y(v) - 0.5).toFixed(1)}`; });
      svg.append(draw("path", { class: `bars ${series.style}`, d: path, "stroke-width": 1.2 }));
    } else if (series.kind === "points") {
      let path = "";
      ys.forEach((v, i) => { if (Number.isFinite(v) && xs[i] >= spec.x0 && xs[i] <= spec.x1 && v >= this.low && v <= this.high) path += shape(series.shape, x(xs[i]), y(v), series.size ? series.size[i] : 4); });
      svg.append(draw("path", { class: `${series.style} ${series.hollow ? "hollow" : "fill"}`, d: path }));
    } else {
      let path = "", pen = false;
      for (let i = 0; i < ys.length; i++) {
        const v = ys[i];
        if (!Number.isFinite(v) || v === null || xs[i] < spec.x0 - (series.step || 0) || xs[i] > spec.x1) { pen = false; continue; }
        const px = Math.max(x(xs[i]), LEFT).toFixed(1), py = Math.min(Math.max(y(v), this.top), this.height - this.bottom).toFixed(1);
        path += pen ? (series.kind === "step" ? `H${px}V${py}` : `L${px} ${py}`) : `M${px} ${py}`;
        pen = true;
      }
      svg.append(draw("path", { class: `line ${series.style}${extra}`, d: path, "stroke-dasharray": DASH[series.dash || 0] }));
    }
  }

  // The book: spec.paint(context, x, y, ramp) fills rectangles.
  paint() {
    const ratio = window.devicePixelRatio || 1, canvas = make("canvas", { "aria-hidden": "true" });
    canvas.width = this.width * ratio; canvas.height = this.height * ratio;
    canvas.style.height = `${this.height}px`;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.save();
    context.beginPath(); context.rect(LEFT, this.top, this.width - LEFT - RIGHT, this.height - this.top - this.bottom); context.clip();
    this.spec.paint(context, this.x, this.y, ramp());
    context.restore();
    this.plot.prepend(canvas);
  }

  valueAt(event) {
    const box = this.plot.getBoundingClientRect(), spec = this.spec;
    const share = ((event.clientX - box.left) * (this.width / box.width) - LEFT) / (this.width - LEFT - RIGHT);
    return spec.x0 + Math.min(Math.max(share, 0), 1) * (spec.x1 - spec.x0);
  }

  point(event) { if (this.spec && this.spec.read) this.moveTo(this.valueAt(event)); }

  drop(event) {
    const to = this.valueAt(event), from = this.dragFrom;
    this.dragFrom = null;
    if (this.spec.onrange && from !== null && from !== undefined && Math.abs(this.x(to) - this.x(from)) > 8) this.spec.onrange(Math.min(from, to), Math.max(from, to));
  }

  key(event) {
    const spec = this.spec, step = spec.step || (spec.x1 - spec.x0) / 100;
    const at = this.cursorAt === null ? spec.x0 : this.cursorAt;
    const moves = { ArrowRight: at + step, ArrowLeft: at - step, PageDown: at + 10 * step, PageUp: at - 10 * step, Home: spec.x0, End: spec.x1 };
    if (!(event.key in moves) || !spec.read) return;
    event.preventDefault();
    this.moveTo(Math.min(Math.max(moves[event.key], spec.x0), spec.x1));
  }

  moveTo(value) {
    this.cursorAt = value;
    const x = this.x(value).toFixed(1);
    this.cursor.setAttribute("d", `M${x} ${this.top}V${this.height - this.bottom}`);
    this.readout.textContent = this.spec.read(value);
  }

  fillTable() {
    if (!this.details.open || this.tableDone || !this.spec.table) return;
    this.tableDone = true;
    this.tableHost.replaceChildren(tableOf(...this.spec.table()));
  }
}

function wrapped(text, room) {
  const lines = [""];
  for (const word of String(text).split(" ")) {
    const last = lines[lines.length - 1];
    if (last && last.length + 1 + word.length > room) lines.push(word); else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

// Means of so many points that lines can be told apart; closer, each point stands for itself.
function thinned(x, columns, from, to, most) {
  const inside = x.filter((v) => v >= from && v <= to).length, many = Math.max(Math.ceil(inside / most), 1);
  if (many === 1) return { many, x, columns };
  const places = [], groups = columns.map(() => []);
  for (let i = 0; i < x.length; i += many) {
    const stop = Math.min(i + many, x.length);
    places.push((x[i] + x[stop - 1]) / 2);
    columns.forEach((column, n) => {
      let sum = 0, known = 0;
      for (let j = i; j < stop; j++) if (Number.isFinite(column[j])) { sum += column[j]; known += 1; }
      groups[n].push(known ? sum / known : NaN);
    });
  }
  return { many, x: places, columns: groups };
}

function shape(kind, x, y, r) {
  const [px, py, s] = [x, y, r].map((v) => v.toFixed(1));
  if (kind === "up") return `M${(x - r).toFixed(1)} ${(y + r).toFixed(1)}L${px} ${(y - r).toFixed(1)}L${(x + r).toFixed(1)} ${(y + r).toFixed(1)}Z`;
  if (kind === "down") return `M${(x - r).toFixed(1)} ${(y - r).toFixed(1)}L${px} ${(y + r).toFixed(1)}L${(x + r).toFixed(1)} ${(y - r).toFixed(1)}Z`;
  if (kind === "diamond") return `M${px} ${(y - r).toFixed(1)}L${(x + r).toFixed(1)} ${py}L${px} ${(y + r).toFixed(1)}L${(x - r).toFixed(1)} ${py}Z`;
  return `M${(x - r).toFixed(1)} ${py}a${s} ${s} 0 1 0 ${(2 * r).toFixed(1)} 0a${s} ${s} 0 1 0 ${(-2 * r).toFixed(1)} 0`;
}

function tableOf(head, rows) {
  const body = make("tbody");
  for (const row of rows) body.append(make("tr", {}, ...row.map((cell, i) => make(i ? "td" : "th", i ? {} : { scope: "row" }, String(cell)))));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head.map((cell) => make("th", { scope: "col" }, cell)))), body);
}

function isDark() { return matchMedia("screen and (prefers-color-scheme: dark)").matches && !document.documentElement.hasAttribute("data-print"); }

// From nothing to much, in steps that differ in lightness: for any kind of colour sight, on either background.
function ramp() {
  const dark = isDark();
  const stops = dark ? [[19, 27, 38], [26, 62, 112], [70, 104, 140], [150, 150, 130], [222, 200, 96], [255, 240, 150]]
    : [[240, 244, 248], [190, 214, 232], [120, 173, 210], [54, 120, 175], [20, 68, 125], [6, 28, 64]];
  const colours = [];
  for (let i = 0; i < 64; i++) {
    const at = (i / 63) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2), part = at - low;
    colours.push(`rgb(${stops[low].map((c, n) => Math.round(c + (stops[low + 1][n] - c) * part)).join(",")})`);
  }
  return (share) => colours[Math.round(Math.min(Math.max(share, 0), 1) * 63)];
}
