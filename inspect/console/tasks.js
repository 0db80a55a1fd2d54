import { get } from "./api.js";
import { cut, h, morph, number, since, state, span } from "./dom.js";

// Tasks in a list, chosen and sorted by the process itself, a page at a time.

const KINDS = ["", "queue", "semaphore", "mutex", "rwmutex", "limiter", "event", "cond", "barrier", "future"];

export function tasksView(view, params, app) {
  const q = { name: params.get("name") || "", site: params.get("site") || "", state: params.get("state") || "", kind: params.get("kind") || "", blocked_for: params.get("blocked_for") || "", group: params.get("group") || "", sort: params.get("sort") || "" };
  let pages = [""];

  const field = (name, label, el) => { el.setAttribute("aria-label", label); el.value = q[name]; el.addEventListener("change", () => { q[name] = el.value; pages = [""]; remember(); }); return el; };
  const rows = h("div");
  const options = (list) => list.map(([v, t]) => h("option", { value: v }, t));
  view.replaceChildren(
    h("form.row.filters", { onsubmit: (e) => e.preventDefault() },
      field("name", "Part of the path", h("input", { placeholder: "path", type: "search" })),
      field("site", "Part of the function", h("input", { placeholder: "function", type: "search" })),
      field("state", "State", h("select", null, options([["", "any state"], ["active", "active"], ["blocked", "blocked"], ["queued", "queued"], ["finishing", "finishing"], ["cancelling", "asked to end"]]))),
      field("kind", "Waits on", h("select", null, options(KINDS.map((k) => [k, k ? "waits on " + k : "waits on anything"])))),
      field("blocked_for", "Blocked for", h("select", null, options([["", "however long"], ["1s", "1 s and longer"], ["10s", "10 s and longer"], ["1m", "1 min and longer"], ["10m", "10 min and longer"]]))),
      field("group", "Group by", h("select", null, options([["", "each task"], ["site,wait", "by function and wait"], ["name", "by name"], ["wait", "by wait"], ["state", "by state"]])))),
    h("div.card", null, rows));


  function remember() {
    const p = new URLSearchParams(Object.entries(q).filter(([, v]) => v));
    history.replaceState(null, "", "#/tasks" + (p.size ? "?" + p : ""));
    app.refresh();
  }

  async function refresh(signal) {
    const page = await get("tasks", { ...q, after: pages[pages.length - 1], limit: 100 }, signal);
    morph(rows, h("div", null, q.group ? groups(page) : list(page), pager(page)));
  }

  function head(name, label, num) {
    const on = q.sort === name || q.sort === "-" + name;
    return h(num ? "th.num" : "th", { scope: "col", "aria-sort": on ? (q.sort[0] === "-" ? "descending" : "ascending") : undefined },
      h("button", { type: "button", onclick: () => { q.sort = q.sort === name ? "-" + name : name; pages = [""]; remember(); } }, label, on ? (q.sort[0] === "-" ? " ▾" : " ▴") : ""));
  }

  function list(page) {
    const table = h("table.table", null,
      h("thead", null, h("tr", null, head("id", "id", true), head("state", "state"), head("since", "for", true), head("name", "task"), head("wait", "waits on"))),
      h("tbody", null, page.items.map((t, i) => h("tr", { tabindex: i ? "-1" : "0", "data-key": "task" + t.id, onclick: () => { location.hash = "#/task/" + t.id; }, onkeydown: rowKeys },
        h("td.num.quiet", null, t.id), h("td", null, state(t.state)), h("td.num", null, since(t.wait?.since || t.started, page.taken)),
        h("td", { title: t.path }, cut(t.path), t.cancel ? h("span.cancel", null, " asked to end") : null), h("td", null, cut(t.wait_text || ""))))));
    return page.items.length ? table : h("div.note", null, "No task is like that.");
  }

  function groups(page) {
    const keys = q.group.split(",");
    return page.items.length ? h("table.table", null,
      h("thead", null, h("tr", null, h("th.num", null, "tasks"), keys.map((k) => h("th", { scope: "col" }, { site: "function", wait: "waits on" }[k] || k)), h("th", null, "states"), h("th.num", null, "longest"))),
      h("tbody", null, page.items.map((g, i) => h("tr", { tabindex: i ? "-1" : "0", "data-key": JSON.stringify(g.key), onclick: () => { location.hash = "#/task/" + g.example; }, onkeydown: rowKeys },
        h("td.num", null, number(g.count)), keys.map((k) => h("td", null, cut(g.key[k] || "–"))), h("td", null, Object.entries(g.states || {}).map(([k, n]) => [state(k), " " + number(n) + " "])), h("td.num", null, g.oldest_us ? span(g.oldest_us) : ""))))) : h("div.note", null, "No task is like that.");
  }

  function rowKeys(e) {
    const tr = e.currentTarget;
    if (e.key === "Enter") tr.click();
    else if (e.key === "ArrowDown") tr.nextElementSibling?.focus();
    else if (e.key === "ArrowUp") tr.previousElementSibling?.focus();
    else return;
    e.preventDefault();
  }

  function pager(page) {
    return h("div.row", null, h("span.quiet", null, number(page.total) + (q.group ? " groups" : " tasks")),
      pages.length > 1 ? h("button", { type: "button", onclick: () => { pages.pop(); app.refresh(); } }, "Back") : null,
      page.next && !page.end ? h("button", { type: "button", onclick: () => { pages.push(page.next); app.refresh(); } }, "More") : null);
  }
  return { refresh };
}
