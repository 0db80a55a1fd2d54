import { get } from "./api.js";
import { h, morph, since, taskLink } from "./dom.js";

// What looks wrong, the worst first.

export function findingsView(view) {
  async function refresh(signal) {
    const f = await get("findings", {}, signal);
    const parts = worst(f.items).map((x) => finding(x, f.taken));
    if (!parts.length) parts.push(h("div.card.note", null, "Nothing looks wrong.", f.suspected ? ` ${f.suspected} suspected: looked at again in a moment.` : ""));
    morph(view, h("div", null, parts));
  }
  return { refresh };
}

// worst sorts findings: the worst first, and of those the oldest.
export function worst(items) {
  const rank = { error: 0, warning: 1, info: 2 };
  return items.slice().sort((a, b) => rank[a.severity] - rank[b.severity] || Date.parse(a.since) - Date.parse(b.since));
}

// finding is one finding as an element; brief leaves out what the page of the findings has.
export function finding(x, taken, brief) {
  return h("article.card.finding." + x.severity, { "aria-label": x.code + " " + x.title, "data-key": x.code + JSON.stringify(x.subjects?.[0] || 0) },
    h("h2", null, h("span.mono", null, x.code), brief ? h("a", { href: "#/findings" }, x.title) : x.title, h("span.tag." + x.severity, null, x.severity), h("span.tag", { title: "how sure this is" }, x.confidence), h("span.quiet", null, "for " + since(x.since, taken))),
    brief ? h("p.brief", null, x.text) : x.text.split("; ").map((t) => h("p", null, t)),
    !brief && x.hint ? h("p.hint", null, x.hint) : null,
    brief ? null : h("p", null, (x.subjects || []).map((sub, i) => [i ? " · " : "", subject(sub)])));
}

// subject names what a finding is about, and leads there. A function without an id has no tasks any more.
function subject(sub) {
  if (sub.kind === "task") return taskLink(sub.id, sub.name);
  if (sub.kind === "site" && sub.id) return h("a", { href: "#/tasks?" + new URLSearchParams({ site: sub.name }) }, sub.name);
  return sub.name || `${sub.kind} ${sub.id}`;
}
