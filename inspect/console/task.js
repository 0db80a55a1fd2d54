import { get, cancelTask } from "./api.js";
import { h, morph, since, span, state, taskLink, cancelText, number } from "./dom.js";
import { finding } from "./findings.js";

// The page of one task: what it waits on, who has that, why it does not go on, its stack, and a button to cancel it.

const unordered = ["event", "cond", "barrier", "future"]; // they let all go at once

export function taskView(view, id, app) {
  let gone = false, stack = null;

  async function refresh(signal) {
    if (gone) return;
    let d, why;
    try {
      [d, why] = await Promise.all([get("tasks/" + id, { fresh: 1 }, signal), get("why", { task: id }, signal).catch(() => null)]);
    } catch (err) {
      if (err.status !== 404) throw err;
      gone = true;
      view.querySelector("#cancel")?.remove();
      view.prepend(h("p.error", { role: "alert" }, `Task ${id} has ended, or never was.`, view.firstChild ? " It is shown as it was last seen." : ""));
      return;
    }
    if (stack === null) stack = await get("stacks", { task: id }, signal).catch((err) => ({ items: [], note: err.message }));
    draw(d, why);
  }

  function draw(d, why) {
    const t = d.task, w = t.wait, names = d.names || {};
    const button = app.write() ? h("button.danger", { type: "button", id: "cancel", disabled: !!t.cancel, onclick: () => ask(d.path) }, t.cancel ? "Asked to end" : "Cancel the task") : h("span.quiet", null, "read only");
    const owner = d.path.split("/").slice(0, -1).join("/");
    morph(view, h("div", null, h("div.page", null,
      h("div.card", null,
        h("div.head", null, h("h1.name", null, t.name), state(t.state), t.cancel ? h("span.cancel", null, cancelText(t.cancel, d.taken)) : null, h("span.grow"), button),
        h("dl.facts", null, facts([
          ["id", String(t.id)],
          ["owner", t.owner ? taskLink(t.owner, owner) : "none: an outermost Run"],
          ["scope", d.scope ? `${d.scope.kind} ${d.scope.name || d.scope.id}${d.scope.limit ? `, ${d.scope.running} of ${d.scope.limit} slots in use, ${d.scope.queued} queued` : ""}` : ""],
          ["function", d.site ? d.site.func + (d.site.file ? ` (${shortFile(d.site.file)}:${d.site.line})` : "") : ""],
          ["started", t.started ? `${since(t.started, d.taken)} ago` : "not yet"],
          ["scheduler", t.scheduler || "goroutines"],
          ["deadline", t.deadline ? "in " + since(d.taken, t.deadline) : ""],
        ]))),
      why?.chains?.length ? h("section.card", { "data-key": "why" }, h("h2", null, "Why it does not go on"), why.chains.map((c) => h("ol.steps", null, c.steps.map((s) => h("li", null, s.task === t.id ? s.path : taskLink(s.task, s.path), s.text.startsWith(s.path) ? s.text.slice(s.path.length) : " " + s.text)))), h("p", null, why.chains[0].text.split("\n").pop())) : null,
      w || d.holds?.length ? h("div.grid", { "data-key": "has" }, w ? h("section.card", null, h("h2", null, "Waits in ", h("span.mono", null, w.op)),
        h("dl.facts", null, facts([
          ["for", w.since ? since(w.since, d.taken) : "?"],
          ["task", w.task ? taskLink(w.task, w.target) : ""],
          ["place", w.pos && !unordered.includes(d.wait?.kind) ? `${w.pos} of ${d.wait?.waiting ?? "?"}` : ""],
          ["ends by itself", w.timed ? (w.deadline ? "in " + since(d.taken, w.deadline) : "yes") : "no"],
        ])), d.wait ? resource(d.wait, names, t.id) : null) : null,
        d.holds?.length ? h("section.card", null, h("h2", null, "Holds"), d.holds.map((r) => resource(r, names, t.id))) : null) : null,
      d.findings?.length ? h("section", { "data-key": "findings" }, d.findings.map((f) => finding(f, d.taken))) : null,
      d.children_total ? h("section.card", { "data-key": "tasks" }, h("h2", null, `Its tasks (${number(d.children_total)})`), h("table.table", null, h("tbody", null, d.children.slice(0, 50).map((c) => h("tr", { "data-key": "task" + c.id }, h("td", null, taskLink(c.id, c.name)), h("td", null, state(c.state)), h("td", null, c.wait_text || ""))))),
        d.children_total > 50 ? h("p.quiet", null, "The first 50 are shown; ", h("a", { href: "#/tasks?" + new URLSearchParams({ name: d.path + "/*" }) }, "all of them"), " are in the list of tasks.") : null) : null,
      h("section.card", { "data-key": "stack" }, h("div.head", null, h("h2", null, "Stack"), h("span.grow"), h("button", { type: "button", onclick: () => { stack = null; app.refresh(); } }, "Read again")),
        stack.items.length ? stack.items.map((s) => h("pre.stack", { tabindex: "0" }, (s.count > 1 ? `${s.count} goroutines` : "1 goroutine") + (s.match === "site" ? " of tasks of this function" : "") + "\n" + s.frames.map((f) => `${f.func}\n    ${f.file}:${f.line}`).join("\n"))) : h("p.quiet", null, stack.note || "No goroutine is known to be of this task."),
        stack.items.length && stack.note ? h("p.quiet", null, stack.note) : null))));
  }

  function facts(list) {
    return list.filter(([, v]) => v).map(([k, v]) => [h("dt", null, k), h("dd", null, v)]);
  }

  function shortFile(f) {
    return (f || "").split("/").slice(-2).join("/");
  }

  function resource(r, names, me) {
    const who = (x) => (x.task ? [x.task === me ? h("b", null, names[x.task] || "this task") : taskLink(x.task, names[x.task])] : [x.name || "code without a task"]);
    const users = r.kind === "queue", held = ["semaphore", "mutex", "rwmutex", "limiter"].includes(r.kind);
    return h("div", null,
      h("h3", null, `${r.kind} ${r.name || "#" + r.id}`, users || held ? ` – ${number(r.in_use)}${r.capacity ? " of " + number(r.capacity) : ""} ${users ? "inside" : "in use"}` : "", r.closed ? ", closed" : ""),
      r.holders?.length ? h("p", null, users ? "Used by " : "Held by ", r.holders.map((x, i) => [i ? ", " : "", who(x), x.mode ? ` (${x.mode})` : "", x.amount > 1 && !users ? ` ×${x.amount}` : "", x.maybe ? " perhaps" : "", x.ended ? ", which has ended" : ""])) : null,
      r.unknown && (users || held) ? h("p.quiet", null, users ? "Others may use it." : "Who holds it is not known in full.") : null,
      r.waiters?.length ? h("p", null, "In line: ", r.waiters.slice(0, 20).map((x, i) => [i ? ", " : "", who(x)]), r.waiting > 20 ? ` and ${number(r.waiting - 20)} more` : "") : null);
  }

  async function ask(path) {
    const cause = await app.ask("Cancel the task?", `${path} and all tasks in it are asked to end. What they do then is up to them.`, "Cancel the task");
    if (cause !== null) {
      try {
        await cancelTask(id, cause);
        app.say("The task was asked to end.");
      } catch (err) {
        app.tell("It was not cancelled: " + err.message);
      }
      app.refresh();
    }
    const button = view.querySelector("#cancel");
    if (button && cause === null) button.focus();
    else document.getElementById("view").focus({ preventScroll: true });
  }
  return { refresh, every: 2 };
}
