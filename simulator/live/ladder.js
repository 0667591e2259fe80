// The ladder, on a canvas of our own.
"use strict";

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
  context.fillStyle = colour("--soft");
  context.textAlign = "right";
  context.fillText("offers", width - 2, half * 21 - 10);
  context.fillText("bids", width - 2, half * 21 + 11);
  return [bids, asks];
}
