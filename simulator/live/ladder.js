// The ladder and the heatmap, on canvases of our own.
"use strict";
const WIDE = 240;

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

function fit(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  return [context, width, height];
}

function digits(tick) { return tick >= 0.01 ? 2 : 4; }
function shares(n) { return n >= 1e6 ? `${(n / 1e6).toFixed(1)} M` : n >= 1e5 ? `${Math.round(n / 1e3)} k` : n.toLocaleString("en-US"); }

// All venues' levels as one, or one venue's: a map from price to [shares by venue], by side.
function merged(frame, venue) {
  const sides = [new Map(), new Map()];
  frame.venues.forEach((each, v) => {
    if (venue && each.name !== venue) return;
    [each.bids, each.asks].forEach((levels, side) => {
      for (const [price, size] of levels) {
        const key = price.toFixed(4);
        if (!sides[side].has(key)) sides[side].set(key, { price, parts: frame.venues.map(() => 0), sum: 0 });
        const level = sides[side].get(key);
        level.parts[v] += size;
        level.sum += size;
      }
    });
  });
  return sides.map((side, n) => [...side.values()].sort((a, b) => (n ? a.price - b.price : b.price - a.price)));
}

function drawLadder(canvas, frame, venue) {
  const [context, width, height] = fit(canvas), [bids, asks] = merged(frame, venue), rows = Math.floor(height / 21), half = Math.floor(rows / 2);
  const shown = [...asks.slice(0, half).reverse().map((l) => [l, 1]), ...bids.slice(0, rows - half).map((l) => [l, 0])];
  const most = Math.max(...shown.map(([level]) => level.sum), 1), middle = 86, room = width - middle - 66;
  const own = new Map();
  for (const agent of frame.agents) for (const [side, price, size] of agent.orders) { const key = `${side}${price.toFixed(4)}`; own.set(key, (own.get(key) || 0) + size); }
  const start = (half - Math.min(asks.length, half)) * 21;
  shown.forEach(([level, side], i) => {
    const y = start + i * 21;
    let x = middle;
    level.parts.forEach((part, v) => {
      const wide = (part / most) * room;
      context.fillStyle = colour(`--v${v % 5}`);
      context.globalAlpha = 0.85;
      if (wide > 0) context.fillRect(x, y + 3, Math.max(wide, 1), 15);
      x += wide;
    });
    context.globalAlpha = 1;
    context.fillStyle = colour(side ? "--down" : "--up");
    context.textAlign = "right";
    context.fillText(level.price.toFixed(digits(frame.tick)), middle - 8, y + 11);
    context.fillStyle = colour("--ink");
    context.textAlign = "left";
    context.fillText(shares(level.sum), x + 5, y + 11);
    const mine = own.get(`${side ? "S" : "B"}${level.price.toFixed(4)}`);
    if (mine) { context.fillText("◆", 2, y + 11); }
  });
  context.strokeStyle = colour("--rule");
  context.beginPath(); context.moveTo(0, half * 21 + 0.5); context.lineTo(width, half * 21 + 0.5); context.stroke();
  return [bids, asks];
}

// What the heatmap remembers: a column a frame, the newest last.
class Past {
  constructor() { this.columns = []; this.seen = new Set(); }
  add(frame, venue) {
    const prints = [];
    for (const row of frame.tape) {
      const key = row.join();
      if (this.seen.has(key)) continue;
      this.seen.add(key);
      prints.push(row);
    }
    if (this.seen.size > 4000) this.seen = new Set([...this.seen].slice(-1000));
    const [bids, asks] = merged(frame, venue), last = this.columns[this.columns.length - 1];
    if (last && last.ms === frame.now_ms) { last.bids = bids; last.asks = asks; last.prints.push(...prints); }
    else this.columns.push({ ms: frame.now_ms, clock: frame.clock.slice(11, 19), bids, asks, prints: this.columns.length ? prints : [] });
    if (this.columns.length > WIDE) this.columns.shift();
  }
}

function ramp() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const stops = dark ? [[19, 27, 38], [26, 62, 112], [70, 104, 140], [150, 150, 130], [222, 200, 96], [255, 240, 150]] : [[240, 244, 248], [190, 214, 232], [120, 173, 210], [54, 120, 175], [20, 68, 125], [6, 28, 64]];
  return (share) => {
    const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    return `rgb(${stops[low].map((c, n) => Math.round(c + (stops[low + 1][n] - c) * (at - low))).join(",")})`;
  };
}

function drawHeat(canvas, past, tick) {
  const [context, width, height] = fit(canvas), columns = past.columns, left = 66, bottom = 20, tall = height - bottom;
  if (!columns.length) return;
  const bests = columns.flatMap((c) => [c.bids[0], c.asks[0]]).filter(Boolean).map((l) => l.price).sort((a, b) => a - b);
  if (!bests.length) return;
  const middle = bests[Math.floor(bests.length / 2)], last = columns[columns.length - 1], reach = Math.max(12 * tick, (bests[bests.length - 1] - bests[0]) * 0.75);
  const now = last.bids[0] && last.asks[0] ? (last.bids[0].price + last.asks[0].price) / 2 : middle, low = Math.min(now, middle) - reach, high = Math.max(now, middle) + reach;
  const y = (price) => tall - ((price - low) / (high - low)) * tall, wide = (width - left) / WIDE, colours = ramp();
  const sizes = columns.flatMap((c, i) => (i % 8 ? [] : [...c.bids, ...c.asks].map((l) => Math.log2(1 + l.sum)))).sort((a, b) => a - b);
  const least = sizes[Math.floor(sizes.length * 0.05)] - 1, most = sizes[Math.floor(sizes.length * 0.98)] + 1.5, thick = Math.max(Math.abs(y(0) - y(tick)), 1.5);
  columns.forEach((column, i) => {
    const x = left + (WIDE - columns.length + i) * wide;
    for (const level of [...column.bids, ...column.asks]) {
      if (level.price < low || level.price > high) continue;
      context.fillStyle = colours((Math.log2(1 + level.sum) - least) / (most - least || 1));
      context.fillRect(x, y(level.price) - thick / 2, wide + 0.5, thick);
    }
  });
  context.fillStyle = context.strokeStyle = colour("--ink");
  columns.forEach((column, i) => {
    const x = left + (WIDE - columns.length + i + 0.5) * wide;
    for (const [, price, size, side] of column.prints) {
      const r = Math.min(2 + Math.log2(1 + size / 100), 8) * 0.8, up = side === "B" ? 1 : -1;
      context.beginPath(); context.moveTo(x - r, y(price) + up * r); context.lineTo(x, y(price) - up * r); context.lineTo(x + r, y(price) + up * r); context.closePath();
      if (up > 0) context.fill(); else context.stroke();
    }
    if (column.clock && (WIDE - columns.length + i) % 60 === 59) { context.textAlign = "right"; context.fillText(column.clock, x, height - 8); }
  });
  context.textAlign = "right";
  context.fillStyle = colour("--soft");
  const raw = (high - low) / 6, size = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((m) => m * size).find((s) => s >= raw);
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) context.fillText(v.toFixed(digits(tick)), left - 6, y(v));
}
