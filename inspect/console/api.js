// The API of the inspector; docs/inspector.md describes it.

const KEY = "braid-token";
let token = "";
takeToken();

// takeToken takes the token out of the address, where a browser keeps it from servers but not from eyes, and says whether there was one.
export function takeToken() {
  const found = /(^#|&)token=([^&]+)/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(KEY, decodeURIComponent(found[2]));
    history.replaceState(null, "", location.pathname + location.search + (found[1] ? location.hash.slice(0, found.index) : ""));
  }
  token = sessionStorage.getItem(KEY) || "";
  return !!found;
}

// setToken takes a token, or the address that has it at its end.
export function setToken(t) {
  token = t.trim().replace(/^.*[#&]token=/, "");
  sessionStorage.setItem(KEY, token);
}

export function hasToken() {
  return token !== "";
}

export class Problem extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function call(path, params, options = {}) {
  const url = new URL("v1/" + path, location.origin + location.pathname);
  for (const [k, v] of Object.entries(params || {})) if (v !== "" && v !== undefined && v !== null) url.searchParams.set(k, v);
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = "Bearer " + token;
  const res = await fetch(url, { ...options, headers, cache: "no-store" });
  if (!res.ok) {
    let text = res.status + " " + res.statusText;
    try { text = (await res.json()).detail || text; } catch { /* it was no JSON */ }
    throw new Problem(res.status, text);
  }
  return res;
}

export async function get(path, params, signal) {
  return (await call(path, params, { signal })).json();
}

export async function cancelTask(id, cause) {
  const body = cause ? { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ cause }) } : {};
  return (await call(`tasks/${id}/cancel`, null, { method: "POST", ...body })).json();
}

// follow reads events until stop is called, and connects again when the connection is lost.
// It does not use EventSource, which cannot send the token. While nobody sees the page it lets the connection go: a browser has six
// for all tabs together, and the process is not looked at for nothing. What was missed comes when the page is seen again.
export function follow(types, on) {
  let stopped = false, abort = null, last = "";
  const hidden = () => document.visibilityState === "hidden";
  const seen = () => new Promise((done) => {
    if (hidden()) document.addEventListener("visibilitychange", () => done(seen()), { once: true });
    else done();
  });
  document.addEventListener("visibilitychange", () => { if (hidden()) abort?.abort(); });
  (async () => {
    for (let wait = 500; !stopped; wait = Math.min(wait * 2, 10000)) {
      await seen();
      abort = new AbortController();
      try {
        const headers = { Accept: "text/event-stream" };
        if (last) headers["Last-Event-ID"] = last;
        const res = await call("events", { types }, { signal: abort.signal, headers });
        on.state("");
        const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          const parts = (rest + value).split("\n\n");
          rest = parts.pop();
          for (const part of parts) {
            const event = { type: "message", data: "" };
            for (const line of part.split("\n")) {
              if (line.startsWith("id:")) last = line.slice(3).trim();
              else if (line.startsWith("event:")) event.type = line.slice(6).trim();
              else if (line.startsWith("data:")) event.data += line.slice(5).trim();
            }
            if (event.data) {
              wait = 500;
              on.event(event.type, JSON.parse(event.data));
            }
          }
        }
        on.state("the connection has ended");
      } catch (err) {
        if (stopped) return;
        if (hidden()) { wait = 250; continue; }
        on.state(err.message, err.status);
        if (err.status === 401) return;
      }
      await new Promise((r) => setTimeout(r, wait));
    }
  })();
  return () => { stopped = true; abort?.abort(); };
}
