// The heatmap of the last minutes, on a canvas of our own: a column a step of time, newest at the right.
"use strict";
const WIDE = 240, NARROW = 24, UNITS = 10000;

// What it is drawn of. A column has the books that moved in it; what did not move stands as it stood.
class Past {
  constructor() { this.columns = []; this.beginning = -1; this.step = 1; }
  take(past) {
    if (past.beginning !== this.beginning || past.step !== this.step) { this.columns = []; this.beginning = past.beginning; this.step = past.step; }
    for (const [second, moved, prints] of past.columns) {
      while (this.columns.length && this.columns[this.columns.length - 1].second >= second) this.columns.pop();
      const before = this.columns[this.columns.length - 1], books = before ? before.books.slice() : [];
      for (const [venue, ...sides] of moved) books[venue] = sides;
      this.columns.push({ second, books, prints, merged: null, venue: -2 });
    }
    const newest = this.columns[this.columns.length - 1];
    while (newest && this.columns[0].second <= newest.second - WIDE * this.step) this.columns.shift();
  }
}

// All venues' levels as one, or one venue's (its number, -1 for all): [[price, shares], ...], best bid and best offer.
function levelsOf(column, venue) {
  if (column.merged && column.venue === venue) return column.merged;
  const sums = new Map();
  let bid = 0, ask = 0;
  column.books.forEach((sides, v) => {
    if (!sides || (venue >= 0 && v !== venue)) return;
    const [bids, bidSizes, asks, askSizes] = sides;
    bids.forEach((price, n) => sums.set(price, (sums.get(price) || 0) + bidSizes[n]));
    asks.forEach((price, n) => sums.set(price, (sums.get(price) || 0) + askSizes[n]));
    if (bids.length) bid = Math.max(bid, bids[0]);
    if (asks.length) ask = ask ? Math.min(ask, asks[0]) : asks[0];
  });
  column.venue = venue;
  return (column.merged = { levels: [...sums].map(([price, sum]) => [price / UNITS, Math.log2(1 + sum)]), bid: bid / UNITS, ask: ask / UNITS });
}

const SHADES = 40, ramps = {};
function ramp() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  if (ramps[dark]) return ramps[dark];
  const stops = dark ? [[19, 27, 38], [26, 62, 112], [70, 104, 140], [150, 150, 130], [222, 200, 96], [255, 240, 150]] : [[240, 244, 248], [190, 214, 232], [120, 173, 210], [54, 120, 175], [20, 68, 125], [6, 28, 64]];
  const at = (n) => (n / (SHADES - 1)) * (stops.length - 1), low = (n) => Math.min(Math.floor(at(n)), stops.length - 2);
  return (ramps[dark] = Array.from({ length: SHADES }, (_, n) => `rgb(${stops[low(n)].map((c, k) => Math.round(c + (stops[low(n) + 1][k] - c) * (at(n) - low(n)))).join(",")})`));
}

function share(sorted, part) { return sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)]; }

// ``clock``: milliseconds as New York's time; ``fills``: [ms, side, price, shares] of agents.
function drawHeat(canvas, past, tick, venue, venues, clock, fills) {
  const [context, width, height] = fit(canvas), columns = past.columns, left = 66, bottom = 20, tall = height - bottom, number = venue ? venues.indexOf(venue) : -1;
  if (!columns.length) return;
  const seen = columns.map((column) => levelsOf(column, number)), bests = seen.flatMap((each) => [each.bid, each.ask]).filter(Boolean).sort((a, b) => a - b);
  if (!bests.length) return;
  const newest = seen[seen.length - 1], room = Math.max(9 * tick, (share(bests, 0.98) - share(bests, 0.02)) * 0.2);
  const low = Math.min(share(bests, 0.02), newest.bid || Infinity) - room, high = Math.max(share(bests, 0.98), newest.ask) + room;
  const end = columns[columns.length - 1].second + past.step, start = Math.max(end - WIDE * past.step, Math.min(columns[0].second, end - NARROW * past.step)), x = (second) => left + ((second - start) / (end - start)) * (width - left);
  const y = (price) => tall - ((price - low) / (high - low)) * tall, shades = ramp();
  const sizes = seen.flatMap((each, n) => (n % 8 && n < seen.length - 1 ? [] : each.levels.map(([, size]) => size))).sort((a, b) => a - b);
  const least = share(sizes, 0.05) - 1, most = share(sizes, 0.98) + 1.5, thick = Math.max(Math.abs(y(0) - y(tick)), 1.5);
  const until = (n) => (n + 1 < columns.length ? columns[n + 1].second : end);
  context.save();
  context.beginPath(); context.rect(left, 0, width - left, tall); context.clip();
  seen.forEach((each, n) => {
    const from = x(columns[n].second), wide = x(until(n)) - from + 0.5;
    for (const [price, size] of each.levels) {
      if (price < low || price > high) continue;
      context.fillStyle = shades[Math.max(0, Math.min(SHADES - 1, Math.round(((size - least) / (most - least || 1)) * (SHADES - 1))))];
      context.fillRect(from, y(price) - thick / 2, wide, thick);
    }
  });
  for (const [name, key, dash] of [["--up", "bid", []], ["--down", "ask", [4, 2]]]) {
    context.strokeStyle = colour(name);
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    context.beginPath();
    let on = false;
    seen.forEach((each, n) => {
      if (!each[key]) { on = false; return; }
      if (on) context.lineTo(x(columns[n].second), y(each[key])); else context.moveTo(x(columns[n].second), y(each[key]));
      context.lineTo(x(until(n)), y(each[key]));
      on = true;
    });
    context.stroke();
  }
  context.setLineDash([]);
  context.lineWidth = 1;
  context.fillStyle = context.strokeStyle = colour("--ink");
  const many = columns.reduce((sum, column) => sum + column.prints.length, 0), small = 0.7 * Math.max(0.3, Math.min(1, Math.sqrt(300 / (many + 1))));
  context.globalAlpha = 0.4 + 0.6 * small;
  for (const column of columns) for (const [ms, price, size, side, at] of column.prints) {
    if (venue && at !== venue) continue;
    const r = Math.min(2 + Math.log2(1 + size / 100), 8) * small, up = side === "B" ? 1 : -1, px = x(ms / 1000), py = y(price / UNITS);
    context.beginPath();
    if (side === "X") { context.arc(px, py, 5, 0, 7); context.lineWidth = 2; context.stroke(); context.lineWidth = 1; continue; }
    context.moveTo(px - r, py + up * r); context.lineTo(px, py - up * r); context.lineTo(px + r, py + up * r); context.closePath();
    if (up > 0) context.fill(); else context.stroke();
  }
  context.globalAlpha = 1;
  context.fillStyle = colour("--own");
  for (const [ms, , price] of fills) {
    const px = x(ms / 1000), py = y(price);
    context.beginPath(); context.moveTo(px - 6, py); context.lineTo(px, py - 6); context.lineTo(px + 6, py); context.lineTo(px, py + 6); context.closePath();
    context.fill(); context.stroke();
  }
  context.restore();
  context.fillStyle = colour("--soft");
  context.textAlign = "center";
  const apart = [5, 10, 15, 30, 60, 120, 300, 600, 900].find((s) => x(start + s) - left > 90) || 1800;
  for (let second = Math.ceil(start / apart) * apart; second <= end; second += apart) {
    if (x(second) > left + 24 && x(second) < width - 24) context.fillText(clock(second * 1000).slice(0, 8), x(second), height - 8);
  }
  context.textAlign = "right";
  const raw = (high - low) / 6, size = 10 ** Math.floor(Math.log10(raw)), step = Math.max([1, 2, 5, 10].map((m) => m * size).find((s) => s >= raw), tick);
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) context.fillText(v.toFixed(digits(tick)), left - 6, Math.min(Math.max(y(v), 7), tall - 5));
}
