import { get } from "./api.js";
import { cut, h, morph, s, number } from "./dom.js";

// Who waits for whom, drawn: from those that wait to those that could go on.
// Columns are layers by the longest way; edges that close a circle are left out of that. What is wider than the page goes on
// in a second band below, the other way round, so that a long circle is a ring. Equal waiters are drawn once.

const W = 158, H = 42, GAP_X = 46, GAP_Y = 16, MAX = 240, SMALLEST = 0.8;

export function graphView(view) {
  const box = h("div.graph");
  const sum = h("span.quiet");
  const sign = (kind, text) => h("span.sign", null, s("svg", { width: 30, height: 12, "aria-hidden": "true" }, s("path.edge." + kind, { d: "M1 6H29" })), text);
  view.replaceChildren(
    h("div.row.filters.graph-signs", null, sign("wait", "waits on"), sign("hold", "held or used by"), sign("wait.dead", "a deadlock"), sign("wait.stuck", "stuck because of it"), sum),
    h("div.card", null, box));

  async function refresh(signal) {
    const g = await get("graph", { of: "wait,hold,await", format: "json" }, signal);
    const m = fold(model(g));
    sum.textContent = m.nodes.length ? `${number(m.total)} tasks and things they wait on${m.cut ? `; ${number(m.cut)} are not drawn` : ""}${g.truncated ? "; there are more" : ""}` : "";
    morph(box, h("div", null, m.nodes.length ? draw(m, box.clientWidth || document.documentElement.clientWidth - 80) : h("div.note", null, "Nobody waits for anybody.")));
  }
  return { refresh };
}

function model(g) {
  const nodes = new Map();
  for (const n of g.nodes) nodes.set(n.kind + n.id, { key: n.kind + n.id, ...n, out: [], in: [], count: 1 });
  const edges = [];
  for (const e of g.edges.slice().sort((a, b) => (a.kind === "hold") - (b.kind === "hold"))) {
    const from = nodes.get(e.from_kind + e.from), to = nodes.get(e.to_kind + e.to);
    if (!from || !to || from === to) continue;
    const edge = { from, to, kind: e.kind, label: e.label };
    if (e.kind === "hold" && from.in.some((x) => x.from === to)) continue; // it waits there itself
    from.out.push(edge);
    to.in.push(edge);
    edges.push(edge);
  }
  for (const n of nodes.values()) { // what a deadlock goes through
    n.deadlock ||= n.kind === "resource" && n.in.some((e) => e.from.deadlock) && n.out.some((e) => e.to.deadlock);
  }
  circles([...nodes.values()].filter((n) => n.deadlock));
  const used = [...nodes.values()].filter((n) => n.out.length || n.in.length);
  return { nodes: used, edges, total: used.length };
}

// circles marks what of the deadlocked is on a circle, or between two: what is left when those are taken away
// for whom no other one waits, and those that wait for no other one.
function circles(stuck) {
  for (const n of stuck) {
    n.circle = true;
    n.ins = n.in.filter((e) => e.from.deadlock).length;
    n.outs = n.out.filter((e) => e.to.deadlock).length;
  }
  const todo = stuck.filter((n) => !n.ins || !n.outs);
  for (const n of todo) n.circle = false;
  while (todo.length) {
    const n = todo.pop();
    for (const e of n.out) if (e.to.circle && --e.to.ins === 0) { e.to.circle = false; todo.push(e.to); }
    for (const e of n.in) if (e.from.circle && --e.from.outs === 0) { e.from.circle = false; todo.push(e.from); }
  }
}

// fold draws tasks once that have the same name, wait on the same, and are waited for by the same.
function fold(m) {
  const seen = new Map(), gone = new Set();
  for (const n of m.nodes) {
    if (n.kind !== "task" || n.in.length > 1 || n.out.length > 1 || n.circle) continue;
    const key = [n.in[0]?.from.key, n.in[0]?.kind, n.out[0]?.to.key, n.out[0]?.kind, n.state].join("|") + "|" + n.name.replace(/#?\d+$/, "");
    const first = seen.get(key);
    if (first) {
      first.count++;
      gone.add(n);
    } else {
      seen.set(key, n);
    }
  }
  const drawn = new Set();
  const nodes = m.nodes.filter((n) => !gone.has(n));
  const comp = components(nodes, gone);
  for (const c of comp) c.sort((a, b) => !!b.circle - !!a.circle); // what is cut off is not on a circle
  comp.sort((a, b) => !!b[0].circle - !!a[0].circle || b.length - a.length);
  const kept = [];
  let cut = 0;
  for (const c of comp) { // deadlocks first, then the large ones
    const part = c.slice(0, drawn.size + c.length <= MAX ? c.length : kept.length ? 0 : MAX);
    if (part.length) kept.push(part);
    cut += c.length - part.length;
    for (const n of part) drawn.add(n);
  }
  const edges = m.edges.filter((e) => drawn.has(e.from) && drawn.has(e.to));
  return { comps: kept, nodes: kept.flat(), edges, total: m.total, cut };
}

function components(nodes, gone) {
  const left = new Set(nodes), list = [];
  for (const n of nodes) {
    if (!left.has(n)) continue;
    const comp = [], todo = [n];
    left.delete(n);
    while (todo.length) {
      const x = todo.pop();
      comp.push(x);
      for (const y of [...x.out.map((e) => e.to), ...x.in.map((e) => e.from)]) if (!gone.has(y) && left.delete(y)) todo.push(y);
    }
    list.push(comp);
  }
  return list;
}

// place gives the nodes of one component their x and y, below top, in no more than so many columns. It returns where the next one begins.
function place(comp, top, columns) {
  const state = new Map(), back = new Set();
  for (const start of comp) { // a search in depth, without recursion, that finds the edges that close circles
    if (state.has(start)) continue;
    const stack = [[start, 0]];
    state.set(start, 1);
    while (stack.length) {
      const frame = stack[stack.length - 1], [n, i] = frame;
      if (i === n.out.length) { state.set(n, 2); stack.pop(); continue; }
      frame[1]++;
      const e = n.out[i];
      if (state.get(e.to) === 1) back.add(e);
      else if (!state.has(e.to)) { state.set(e.to, 1); stack.push([e.to, 0]); }
    }
  }
  const layer = new Map(comp.map((n) => [n, 0]));
  const within = new Set(comp);
  for (let round = 0, moved = true; moved && round < comp.length; round++) {
    moved = false;
    for (const n of comp) for (const e of n.out) {
      if (back.has(e) || !within.has(e.to)) continue;
      if (layer.get(e.to) < layer.get(n) + 1) { layer.set(e.to, layer.get(n) + 1); moved = true; }
    }
  }
  const rows = [];
  for (const n of comp) (rows[layer.get(n)] ||= []).push(n);
  for (const r of rows) r.forEach((n, i) => { n.order = i; });
  const mean = (list) => (list.length ? list.reduce((a, b) => a + b, 0) / list.length : -1);
  for (let round = 0; round < 6; round++) { // order each layer by where its neighbours are
    const down = round % 2 === 0;
    for (const r of down ? rows : rows.slice().reverse()) {
      for (const n of r) {
        const near = (down ? n.in.map((e) => e.from) : n.out.map((e) => e.to)).filter((x) => within.has(x) && x.order !== undefined);
        n.bary = near.length ? mean(near.map((x) => x.order)) : n.order;
      }
      r.sort((a, b) => a.bary - b.bary).forEach((n, i) => { n.order = i; });
    }
  }
  const bands = Math.ceil(rows.length / columns), across = Math.ceil(rows.length / bands);
  for (let band = 0; band < bands; band++) {
    const part = rows.slice(band * across, (band + 1) * across);
    const tall = Math.max(...part.map((r) => r.length));
    part.forEach((r, k) => {
      const pad = ((tall - r.length) * (H + GAP_Y)) / 2;
      const column = band % 2 ? across - 1 - k : k;
      r.forEach((n, i) => { n.band = band; n.x = 10 + column * (W + GAP_X); n.y = top + pad + i * (H + GAP_Y); });
    });
    top += tall * (H + GAP_Y) + 24;
  }
  return { bottom: top, right: across * (W + GAP_X) };
}

// line is the way of an edge: from side to side in the direction of its band, below what lies between if it goes back,
// and up or down to another band.
function line(a, b) {
  if (a.band !== b.band) {
    const down = b.y > a.y, x1 = a.x + W / 2, y1 = a.y + (down ? H : 0), x2 = b.x + W / 2, y2 = b.y + (down ? 0 : H);
    const bend = (y2 - y1) / 2;
    return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  }
  const left = a.band % 2 === 1; // the band leads to the left
  if (left ? b.x < a.x : b.x > a.x) {
    const x1 = a.x + (left ? 0 : W), y1 = a.y + H / 2, x2 = b.x + (left ? W : 0), y2 = b.y + H / 2;
    const bend = Math.max(20, Math.abs(x2 - x1) / 2) * (left ? -1 : 1);
    return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  }
  const x1 = a.x + W / 2, y1 = a.y + H, x2 = b.x + W / 2, y2 = b.y + H;
  return `M${x1} ${y1}C${x1} ${y1 + 46} ${x2} ${y2 + 46} ${x2} ${y2}`;
}

function draw(m, width) {
  const columns = Math.max(2, Math.floor(width / ((W + GAP_X) * SMALLEST)));
  let top = 12, right = 0;
  for (const c of m.comps) {
    const p = place(c, top, columns);
    top = p.bottom;
    right = Math.max(right, p.right);
  }
  const svg = s("svg", { viewBox: `0 0 ${right + 20} ${top}`, role: "group", "aria-label": "Who waits for whom" },
    s("defs", null, ["", "dead", "stuck"].map((c) => s("marker" + (c ? "." + c : ""), { id: "tip" + c, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, s("path", { d: "M0 0L8 4L0 8z" }))), s("clipPath", { id: "within" }, s("rect", { width: W - 4, height: H }))));
  svg.style.width = "100%"; // as wide as there is room, and not smaller than can be read
  svg.style.maxWidth = right + 20 + "px";
  svg.style.minWidth = SMALLEST * (right + 20) + "px";
  for (const e of m.edges) {
    const dead = e.from.circle && e.to.circle ? "dead" : e.from.deadlock && e.to.deadlock ? "stuck" : "";
    svg.append(s("path.edge." + (e.kind === "hold" ? "hold" : e.kind) + (dead && "." + dead), { d: line(e.from, e.to), "marker-end": `url(#tip${dead})` }, s("title", null, `${e.from.name} → ${e.to.name}${e.label ? ": " + e.label : ""}`)));
  }
  for (const n of m.nodes) {
    const isTask = n.kind === "task";
    const title = n.kind === "task" ? n.name.split("/").pop() : `${n.name || n.kind + " " + n.id}`;
    const sub = isTask ? (n.count > 1 ? `×${number(n.count)} ` : "") + (n.state || "") : n.detail || n.kind;
    const says = [n.kind, n.name, n.count > 1 ? n.count + " times" : "", n.state, n.detail, n.circle ? "in a deadlock" : n.deadlock ? "stuck because of a deadlock" : "", n.out.length ? "waits for " + n.out.map((e) => e.to.name).join(", ") : ""].filter(Boolean).join(", ");
    svg.append(s("g.node." + n.kind + (n.state === "active" ? ".active" : "") + (n.circle ? ".dead" : n.deadlock ? ".stuck" : "") + (isTask ? ".link" : ""), {
      transform: `translate(${n.x} ${n.y})`, tabindex: n === m.nodes[0] ? "0" : "-1", role: isTask ? "link" : "img", "aria-label": says, "data-key": n.key,
      onclick: isTask ? () => { location.hash = "#/task/" + n.id; } : undefined,
      onkeydown: (e) => keys(e, n, m),
    }, s("title", null, says), s("rect", { width: W, height: H, rx: isTask ? 8 : 2 }), s("text", { x: 10, y: 18, "clip-path": "url(#within)" }, cut(title, 22)), s("text.sub", { x: 10, y: 33, "clip-path": "url(#within)" }, cut(sub, 26))));
  }
  return svg;
}

function keys(e, n, m) {
  const svg = e.currentTarget.ownerSVGElement;
  const go = (list) => list.map((x) => svg.querySelector(`[data-key="${CSS.escape(x.key)}"]`)).find((x) => x)?.focus(); // not all are drawn
  const near = (dy) => m.nodes.filter((x) => x.x === n.x && (x.y - n.y) * dy > 0).sort((a, b) => Math.abs(a.y - n.y) - Math.abs(b.y - n.y));
  switch (e.key) {
    case "Enter": if (n.kind === "task") location.hash = "#/task/" + n.id; break;
    case "ArrowRight": go(circleFirst(n.out.map((e) => e.to))); break;
    case "ArrowLeft": go(circleFirst(n.in.map((e) => e.from))); break;
    case "ArrowDown": go(near(1)); break;
    case "ArrowUp": go(near(-1)); break;
    default: return;
  }
  e.preventDefault();
}

const circleFirst = (list) => list.sort((a, b) => !!b.circle - !!a.circle);
