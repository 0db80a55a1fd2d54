import { get } from "./api.js";
import { h, morph, number, span } from "./dom.js";
import { chart } from "./charts.js";
import { finding, worst } from "./findings.js";

// What happens over time, and what looks wrong.

const rate = (v) => (v === 0 ? "0" : v >= 100 ? number(Math.round(v)) : v >= 10 ? v.toFixed(0) : v.toFixed(1));
const whole = (v) => (v >= 1e6 ? (v / 1e6).toFixed(1) + " M" : v >= 1e4 ? Math.round(v / 1e3) + " k" : number(Math.round(v * 10) / 10));

export function overviewView(view, _, app) {
  const perSecond = (name) => (p) => (p.span_us ? p[name] / (p.span_us / 1e6) : 0);
  const charts = [
    chart("Tasks", [
      { name: "blocked", of: (p) => p.blocked, color: 0 }, { name: "active", of: (p) => p.active, color: 1 },
      { name: "queued", of: (p) => p.queued, color: 2 }, { name: "finishing", of: (p) => p.finishing, color: 3 },
    ], { area: true, show: whole }),
    chart("A second, counted while somebody looks", [
      { name: "started", of: perSecond("started"), color: 0 }, { name: "succeeded", of: perSecond("succeeded"), color: 1 },
      { name: "failed", of: (p) => perSecond("failed")(p) + perSecond("panicked")(p), color: 4 }, { name: "cancelled", of: perSecond("cancelled"), color: 5 },
    ], { show: rate }),
    chart("How long those that wait have waited", [
      { name: "half of them", of: (p) => p.wait_us.p50, color: 0 }, { name: "90 %", of: (p) => p.wait_us.p90, color: 2 }, { name: "99 %", of: (p) => p.wait_us.p99, color: 4 },
    ], { show: span1 }),
    chart("How long tasks took that have ended", [
      { name: "half of them", of: (p) => p.duration_us.p50, color: 0 }, { name: "90 %", of: (p) => p.duration_us.p90, color: 2 }, { name: "99 %", of: (p) => p.duration_us.p99, color: 4 },
    ], { show: span1 }),
  ];
  const wrong = h("section");
  view.replaceChildren(wrong, h("div.grid", null, charts));

  async function refresh(signal) {
    const f = await get("findings", {}, signal);
    const more = f.items.length - 3;
    morph(wrong, h("section", null, worst(f.items).slice(0, 3).map((x) => finding(x, f.taken, true)),
      more > 0 ? h("p", null, h("a", { href: "#/findings" }, more === 1 ? "One more finding" : `${more} more findings`)) : null));
    draw();
  }
  function draw() {
    const points = app.points().map((p) => ({ ...p, t: Date.parse(p.at) }));
    for (const c of charts) c.update(points);
  }
  return { refresh, point: draw };
}

function span1(us) {
  return us < 1 ? "0" : span(Math.round(us));
}
