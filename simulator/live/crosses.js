// What would come of the next cross, of the symbol that is shown and of all of them.
"use strict";
const WORDS = { OPEN: "the opening cross", CLOSE: "the closing cross", RESUME: "its reopening" };
const coming = new Map(), sorted = { key: "symbol", down: false };

function upper(text) { return text.replace(/^./, (c) => c.toUpperCase()); }

function drawCross(cross) {
  const told = (cross && cross.told) || [], has = told.some((line) => line.paired || line.imbalance);
  $("cross").textContent = cross ? `${WORDS[cross.kind]} in ${seconds(cross.seconds)}${has ? `, at ${price(cross.price || cross.reference)} by now` : ""}` : "";
  $("auction-said").textContent = !cross ? "There is none to come in this run." : has ? `${upper(WORDS[cross.kind])} at ${cross.venue} in ${seconds(cross.seconds)}: what would come of it.` : told.length ? `Nothing waits for ${WORDS[cross.kind]} at ${cross.venue} yet.` : `${upper(WORDS[cross.kind])} at ${cross.venue} is in ${seconds(cross.seconds)}; its imbalance is shown in the last ten minutes.`;
  $("auction").hidden = !has;
  body("auction").replaceChildren(...(has ? told : []).map((line) => row(cell(local(line.ms).slice(0, 8)), cell(shares(line.paired)), surplus(line), cell(price(line.price), "best"), cell(price(line.reference)), cell(price(line.far)))));
}

function left(ms) { const s = Math.max(Math.floor(ms / 1000), 0); return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`; }

// What is left over at the reference price, and on which side.
function surplus(line) {
  if (!line.side) return cell("0");
  const [mark, word, style] = line.side === "B" ? ["▲", "buy", "up"] : ["▽", "sell", "down"], td = cell(`${mark} ${shares(line.imbalance)} `, style), span = document.createElement("span");
  span.className = "word";
  span.textContent = word;
  td.append(span);
  return td;
}

// Lines come one by one, as they are worked out; null ends one.
function takeCrosses(lines) {
  for (const [symbol, line] of Object.entries(lines)) if (line) coming.set(symbol, { symbol, ...line }); else coming.delete(symbol);
}

function drawCrosses(onchoose) {
  $("crosses-box").hidden = !coming.size || (coming.size === 1 && coming.has(frame.symbol));  // nothing that is not shown above
  const of = (line) => line[sorted.key], sign = sorted.down ? -1 : 1;
  const lines = [...coming.values()].sort((a, b) => sign * (of(a) < of(b) ? -1 : of(a) > of(b) ? 1 : 0) || (a.symbol < b.symbol ? -1 : 1));
  for (const th of $("crosses").tHead.rows[0].cells) th.setAttribute("aria-sort", th.dataset.key === sorted.key ? (sorted.down ? "descending" : "ascending") : "none");
  const rows = body("crosses").rows;
  while (rows.length > lines.length) rows[rows.length - 1].remove();
  lines.forEach((line, n) => {  // rows stay, so that whoever stands on a name with the keyboard stays there
    const usd = (v) => (v ? v.toFixed(digits(line.tick)) : "–");
    const found = row(cell(""), cell(`${line.kind === "RESUME" ? "halt " : ""}${left(line.at_ms - frame.now_ms)}`), cell(shares(line.paired)), surplus(line), cell(usd(line.price), "best"), cell(usd(line.reference)), cell(usd(line.far)));
    if (n >= rows.length) {
      const name = document.createElement("button");
      name.type = "button";
      name.addEventListener("click", () => onchoose(name.textContent));
      found.cells[0].append(name);
      body("crosses").append(found);
    } else while (found.cells.length > 1) rows[n].replaceChild(found.cells[1], rows[n].cells[rows[n].cells.length - found.cells.length + 1]);
    rows[n].cells[0].firstChild.textContent = line.symbol;
    rows[n].classList.toggle("shown", line.symbol === frame.symbol);
  });
}

function sortCrosses(event) {
  const th = event.target.closest("th");
  if (!th) return;
  const { key } = th.dataset, first = !["symbol", "at_ms"].includes(key);  // the most first
  sorted.down = sorted.key === key ? !sorted.down : first;
  sorted.key = key;
  later();
}
