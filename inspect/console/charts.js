import { h, s } from "./dom.js";

// A line chart over time, drawn with nothing but SVG. Lines have a legend with their last values, and one can point at a moment.

const PAD = { left: 46, right: 8, top: 8, bottom: 20 };

// chart makes an element with update(points). lines are {name, of(point)}; area fills below them; show puts a value into words.
export function chart(title, lines, { area = false, show = String } = {}) {
  const svg = s("svg", { role: "img", "aria-label": title, preserveAspectRatio: "none" });
  const values = lines.map(() => h("b"));
  const when = h("span.quiet");
  const el = h("section.card.chart", null, h("h3", null, title), svg,
    h("div.legend", null, lines.map((l, i) => h("span.c" + (l.color ?? i), null, h("i"), l.name, values[i])), when));
  let points = [], pointer = null;

  svg.addEventListener("pointermove", (e) => { pointer = e.clientX - svg.getBoundingClientRect().left; draw(); });
  svg.addEventListener("pointerleave", () => { pointer = null; draw(); });
  new ResizeObserver(() => draw()).observe(svg);

  function draw() {
    const w = svg.clientWidth, high = svg.clientHeight;
    if (!w || !high) return;
    svg.setAttribute("viewBox", `0 0 ${w} ${high}`);
    svg.replaceChildren();
    if (points.length < 2) {
      svg.append(s("text.axis", { x: w / 2, y: high / 2, "text-anchor": "middle" }, "Soon: the first points are coming."));
      return;
    }
    const t0 = points[0].t, t1 = points[points.length - 1].t;
    const max = points.reduce((m, p) => Math.max(m, ...lines.map((l) => l.of(p))), 0), top = max > 0 ? nice(max) : 1;
    const x = (t) => PAD.left + ((t - t0) / Math.max(1, t1 - t0)) * (w - PAD.left - PAD.right);
    const y = (v) => high - PAD.bottom - (v / top) * (high - PAD.top - PAD.bottom);
    for (const part of max > 0 ? [0, 0.5, 1] : [0]) {
      svg.append(s("line.rule", { x1: PAD.left, x2: w - PAD.right, y1: y(top * part), y2: y(top * part) }),
        s("text.axis", { x: PAD.left - 6, y: y(top * part) + 4, "text-anchor": "end" }, show(top * part)));
    }
    svg.append(s("text.axis", { x: PAD.left, y: high - 5 }, ago(t1 - t0)), s("text.axis", { x: w - PAD.right, y: high - 5, "text-anchor": "end" }, "now"));
    const step = Math.max(1, Math.floor(points.length / (w * 1.5)));
    lines.forEach((l, i) => {
      const at = points.filter((_, k) => k % step === 0 || k === points.length - 1).map((p) => `${x(p.t).toFixed(1)} ${y(l.of(p)).toFixed(1)}`);
      const c = ".c" + (l.color ?? i);
      if (area) svg.append(s("path.area" + c, { d: `M${PAD.left} ${y(0)}L${at.join("L")}L${w - PAD.right} ${y(0)}Z` }));
      svg.append(s("path.series" + c, { d: "M" + at.join("L") }));
    });
    let p = points[points.length - 1];
    when.textContent = "";
    if (pointer !== null) {
      const t = t0 + ((pointer - PAD.left) / (w - PAD.left - PAD.right)) * (t1 - t0);
      p = points.reduce((a, b) => (Math.abs(b.t - t) < Math.abs(a.t - t) ? b : a));
      svg.append(s("line.cross", { x1: x(p.t), x2: x(p.t), y1: PAD.top, y2: high - PAD.bottom }));
      lines.forEach((l, i) => svg.append(s("circle.dot.c" + (l.color ?? i), { cx: x(p.t), cy: y(l.of(p)), r: 3 })));
      when.textContent = ago(t1 - p.t);
    }
    lines.forEach((l, i) => { values[i].textContent = show(l.of(p)); });
    svg.setAttribute("aria-label", `${title}: ` + lines.map((l) => `${l.name} ${show(l.of(points[points.length - 1]))}`).join(", "));
  }

  el.update = (list) => { points = list; draw(); };
  return el;
}

// nice is the next round number.
function nice(v) {
  const p = 10 ** Math.floor(Math.log10(v));
  for (const m of [1, 2, 2.5, 5, 10]) if (v <= m * p) return m * p;
  return v;
}

function ago(ms) {
  const sec = Math.round(ms / 1000);
  return sec < 90 ? `${sec} s ago` : `${Math.round(sec / 60)} min ago`;
}
