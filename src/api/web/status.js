"use strict";
(() => {
  const by = (id) => document.getElementById(id);
  const STORE = "strowger-key";
  // What is shown, and which events make it old.
  const LISTS = {
    queues: { path: "/api/v1/queues?limit=200", stale: /^(caller_|agent_|offer_|definition_|reloaded)/, row: queue },
    agents: { path: "/api/v1/agents?limit=200", stale: /^(agent_|offer_|definition_|extension_|reloaded)/, row: agent },
    calls: { path: "/api/v1/calls?limit=200", stale: /^(call_|caller_|parking_|supervision_|conference_)/, row: call },
    trunks: { path: "/api/v1/trunks?limit=200", stale: /^(trunk_|definition_|call_started|call_ended|reloaded)/, row: trunk },
  };
  // Events come in crowds: a list is asked for at most so often, and at least so often for what only time changes.
  const AT_MOST_MS = 1000;
  const AT_LEAST_MS = 15000;

  let session = null;

  function cell(kind, text, name) {
    const made = document.createElement(kind);
    made.textContent = text;
    if (kind === "th") made.scope = "row";
    if (name) made.className = name;
    return made;
  }

  function row(cells) {
    const made = document.createElement("tr");
    made.append(...cells);
    return made;
  }

  function lasting(ms) {
    const all = Math.max(0, Math.floor(ms / 1000));
    const two = (n) => String(n).padStart(2, "0");
    const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
    return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
  }

  const words = (name) => String(name || "").replaceAll("_", " ");

  function party(who) {
    if (!who || who.kind === "nobody") return "";
    const name = who.name || "";
    return who.number ? (name ? `${name} (${who.number})` : who.number) : name;
  }

  // Who has no name of its own is called as it is numbered.
  const named = (name, id) => (name && name !== id ? `${name} (${id})` : id);

  function queue(one) {
    const name = named(one.settings.name, one.number);
    const longest = one.longest_wait_ms ? lasting(one.longest_wait_ms) : "";
    return row([
      cell("th", name), cell("td", one.waiting, one.waiting > 0 && one.agents_ready === 0 ? "n bad" : "n"), cell("td", longest, "n"),
      cell("td", one.answered, "n"), cell("td", one.agents_ready, "n"),
    ]);
  }

  function agent(one, now) {
    const reason = one.intent.reason && one.intent.reason !== "break" ? `: ${one.intent.reason}` : "";
    const status = words(one.intent.status) + reason;
    const doing = words(one.activity) + (one.queue ? `, queue ${one.queue}` : "");
    const name = named(one.settings.name, one.id);
    return row([
      cell("th", name), cell("td", status), cell("td", doing), cell("td", lasting(now - one.activity_since), "n"),
      cell("td", one.reachable ? one.place : `${one.place}, not reachable`, one.reachable ? "wide" : "wide bad"),
    ]);
  }

  function call(one, now) {
    const to = party(one.callee) || one.dialled;
    const state = words(one.stage) + (one.held ? ", held" : "");
    return row([
      cell("th", party(one.caller)), cell("td", to), cell("td", state),
      cell("td", lasting(now - (one.answered_at || one.started_at)), "n"),
    ]);
  }

  function trunk(one) {
    return row([
      cell("th", one.name), cell("td", one.up ? "up" : "down", one.up ? "good" : "bad"),
      cell("td", one.calls, "n"), cell("td", one.reason || "", "wide"),
    ]);
  }

  function show(name, answer) {
    const body = by(name).tBodies[0];
    const rows = answer.items.map((one) => LISTS[name].row(one, answer.as_of));
    if (rows.length === 0) {
      const empty = cell("td", "None", "none");
      empty.colSpan = by(name).tHead.rows[0].cells.length;
      rows.push(row([empty]));
    }
    body.replaceChildren(...rows);
    const more = answer.total > answer.items.length ? `${answer.items.length} of ${answer.total}` : `${answer.total}`;
    by(`n-${name}`).textContent = more;
  }

  function say(text) {
    if (by("state").textContent !== text) by("state").textContent = text;
  }

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function ask(mine, path, headers) {
    return fetch(path, {
      headers: { Authorization: `Bearer ${mine.key}`, ...headers },
      signal: mine.end.signal, cache: "no-store", credentials: "omit",
    });
  }

  // One list, again and again; sleeps until it is stale or old.
  async function keep(mine, name) {
    while (mine === session) {
      mine.stale[name] = false;
      const answer = await ask(mine, LISTS[name].path).catch(() => null);
      if (mine !== session) return;
      if (answer && answer.status === 401) return leave("The key is unknown to this switch.");
      if (answer && answer.status === 403) {
        by(`h-${name}`).parentElement.hidden = true;
        return;
      }
      if (answer && answer.ok) show(name, await answer.json());
      const slow = answer && Number(answer.headers.get("Retry-After")) * 1000 || AT_MOST_MS;
      await pause(slow);
      await Promise.race([new Promise((wake) => { mine.wake[name] = wake; if (mine.stale[name]) wake(); }), pause(AT_LEAST_MS)]);
    }
  }

  function stale(mine, event) {
    for (const [name, list] of Object.entries(LISTS)) {
      if (event === "reset" || list.stale.test(event)) {
        mine.stale[name] = true;
        if (mine.wake[name]) mine.wake[name]();
      }
    }
  }

  // The event stream, for ever: it goes on behind the last event that was seen.
  async function follow(mine) {
    let wait = 1000;
    while (mine === session) {
      try {
        const answer = await ask(mine, "/api/v1/events", mine.last ? { "Last-Event-ID": mine.last } : {});
        if (answer.status === 401) return leave("The key is unknown to this switch.");
        if (!answer.ok) throw new Error(`the events were answered with ${answer.status}`);
        say("Live");
        wait = 1000;
        await read(mine, answer.body.pipeThrough(new TextDecoderStream()).getReader());
      } catch (error) {
        if (mine !== session) return;
      }
      if (mine !== session) return;
      say("The connection is lost, trying again");
      await pause(wait);
      wait = Math.min(wait * 2, 30000);
    }
  }

  async function read(mine, reader) {
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (text + value).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        for (const line of block.split("\n")) {
          if (line.startsWith("id:")) mine.last = line.slice(3).trim();
          if (line.startsWith("event:")) stale(mine, line.slice(6).trim());
        }
      }
    }
  }

  function enter(key) {
    session = { key, end: new AbortController(), stale: {}, wake: {}, last: null };
    sessionStorage.setItem(STORE, key);
    by("enter").hidden = true;
    by("wrong").textContent = "";
    by("all").hidden = false;
    by("leave").hidden = false;
    for (const name of Object.keys(LISTS)) {
      by(`h-${name}`).parentElement.hidden = false;
      keep(session, name);
    }
    say("Connecting");
    follow(session);
  }

  function leave(why) {
    if (session) session.end.abort();
    session = null;
    sessionStorage.removeItem(STORE);
    by("all").hidden = true;
    by("leave").hidden = true;
    by("enter").hidden = false;
    by("wrong").textContent = why;
    by("key").value = "";
    by("key").focus();
    say("Not connected");
  }

  by("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    enter(by("key").value.trim());
  });
  by("leave").addEventListener("click", () => leave(""));
  const known = sessionStorage.getItem(STORE);
  if (known) enter(known);
})();
