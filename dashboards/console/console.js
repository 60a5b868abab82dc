"use strict";
/* The console: what the depot tells by server-sent events, as lists in words; late tours first. */

(() => {
  const given = JSON.parse(document.getElementById("given").textContent);
  const by = (id) => document.getElementById(id);
  const T = (key, values) => given.texts[key].replace(/{(\w+)}/g, (_, name) => (values && name in values ? values[name] : ""));
  const ORDER = ["very_late", "late", "silent", "under_way", "on_time", "not_started", "done"];
  const TASK_SIGNS = { done: "✓", partly: "½", missed: "×", pending: "·" };
  const FRESH_MS = 30 * 60000;
  const tables = { trucks: {}, tours: {}, tasks: {}, incidents: {}, tickets: {}, weighings: {}, messages: {}, plan: {} };
  let view = null; // the map, when it is there
  let timezone = given.timezone;
  let clockFormat = null;
  const formats = () => {
    clockFormat = new Intl.DateTimeFormat(given.lang, { timeZone: timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  };
  formats();
  const clock = (at) => (at ? clockFormat.format(new Date(at)) : "–");
  const number = (value, digits) => value.toLocaleString(given.lang, { minimumFractionDigits: digits || 0, maximumFractionDigits: digits || 0 });
  /** How much of a piece of evidence, with its unit (contractor_sheet.py writes the same). */
  const measured = ({ amount, unit }) => {
    if (unit === "share") return number(100 * amount) + "\u00a0%";
    if (unit === "s") return amount ? (amount < 120 ? number(amount) + "\u00a0s" : number(amount / 60) + "\u00a0min") : T("for_a_while");
    return number(amount) + (unit === "m" || unit === "kg" ? "\u00a0" + unit : "");
  };
  const mass = (kg) => (Math.abs(Math.round(kg)) < 1000 ? number(kg) + "\u00a0kg" : number(kg / 1000, 1) + "\u00a0t");
  const make = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const name in attributes || {}) {
      if (name === "onclick") made.addEventListener("click", attributes[name]);
      else if (attributes[name] !== null && attributes[name] !== undefined) made.setAttribute(name, attributes[name]);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const words = (...parts) => parts.filter(Boolean).join(" · ");

  // --- the depot's time ------------------------------------------------------------------------------------------------

  let told = null; // {now, here, rate}: the depot's clock may be a drill's, and run faster
  const now = () => (told ? told.now + (performance.now() - told.here) * told.rate : Date.now());
  const hear = (text) => {
    const at = Date.parse(text);
    const here = performance.now();
    let rate = told ? told.rate : 1;
    if (told && here - told.here > 900) {
      const seen = (at - told.now) / (here - told.here);
      if (seen > 0 && seen < 1000) rate = Math.abs(seen - 1) < 0.1 ? 1 : 0.5 * rate + 0.5 * seen;
    }
    told = { now: at, here, rate };
  };
  const tick = () => {
    if (!told) return;
    by("clock").textContent = clock(now());
    if (!document.body.dataset.replay) view && view.ages(now());
  };

  // --- tours, late first -----------------------------------------------------------------------------------------------

  const rows = new Map();
  let only = "all";
  let open = null; // the tour that is looked at
  let touched = 0; // when somebody last moved in the list: rows must not slip away under a pointer
  const trouble = (tour) => (["very_late", "late", "silent"].includes(tour.state) ? tour.late_s || 0 : 0); // else by time: no ranking
  const { compare } = new Intl.Collator(given.lang, { numeric: true });
  const order = (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || trouble(b) - trouble(a) ||
    (Date.parse(a.starts_at) || 0) - (Date.parse(b.starts_at) || 0) || compare(a.name, b.name);
  const lateWords = (tour) => {
    if (tour.state === "done") return "";
    if (tour.late_s === null || tour.state === "not_started") return "";
    const min = Math.round(tour.late_s / 60);
    if (Math.abs(min) < 2) return T("to_the_minute");
    const size = Math.abs(min);
    const long = size < 60 ? size + "\u00a0min" : Math.floor(size / 60) + "\u00a0h\u00a0" + String(size % 60).padStart(2, "0");
    return T(min > 0 ? "behind_by" : "ahead_by", { long });
  };
  const doneWords = (tour) => {
    const bad = words(tour.missed_tasks ? (tour.missed_tasks === 1 ? T("missed_1") : T("missed_n", { n: tour.missed_tasks })) : "");
    const part = tour.partly_tasks ? (tour.partly_tasks === 1 ? T("partly_1") : T("partly_n", { n: tour.partly_tasks })) : "";
    return [T("sides_done", { done: number(tour.done_tasks), tasks: number(tour.tasks) }), bad, part];
  };
  const thenWords = (tour) => {
    if (tour.state === "done") return tour.ends_at ? [T("ended_at", { time: clock(tour.ends_at) })] : [];
    if (!tour.began_at && !tour.done_tasks) {
      return [tour.late_s ? T("not_begun", { time: clock(tour.starts_at) }) : T("begins_at", { time: clock(tour.starts_at) })];
    }
    const found = [];
    if (tour.duty === "break") found.push(T("in_break"));
    if (tour.duty === "off") found.push(T("tracking_off"));
    if (tour.state === "silent") found.push(T("heard_at", { time: clock(tour.heard_at) }));
    else if (tour.ends_at) found.push(T("end_at", { time: clock(tour.ends_at) }));
    return found;
  };
  const meter = (tour) => {
    const part = (n, cls) => {
      const made = make("i", { class: cls });
      made.style.width = (100 * n) / Math.max(1, tour.tasks) + "%";
      return made;
    };
    return make("div", { class: "meter", "aria-hidden": "true" }, part(tour.done_tasks, ""), part(tour.partly_tasks, "partly"), part(tour.missed_tasks, "missed"));
  };
  const fillRow = (row, tour) => {
    const [sides, bad, part] = doneWords(tour);
    const what = make("span", { class: "what" }, sides);
    if (bad) what.append(" · ", make("b", {}, bad));
    if (part) what.append(" · " + part);
    if (tour.behind) what.append(" · " + T("catching_up"));
    row.className = "row s-" + tour.state;
    row.replaceChildren(
      make("span", { class: "sign", "aria-hidden": "true" }, STATE_SIGNS[tour.state]),
      make("span", { class: "name" }, tour.name, " ", make("small", {}, tour.truck + " · " + T("s_" + tour.state))),
      make("span", { class: "late" }, lateWords(tour)), meter(tour),
      make("span", { class: "line" }, what, make("span", { class: "then" }, words(...thenWords(tour)))));
    row.setAttribute("aria-current", String(open === tour.tour));
  };
  const shown = () => Object.values(tables.tours).filter((tour) => only === "all" || tour.state === only).sort(order);
  const LIST_MS = 1000; // between two drawings of the list, which nobody reads faster
  const toList = new Set(); // tours with news since it was drawn
  let listing = 0;
  let listed = 0;
  const listTours = () => {
    const list = by("tour-list");
    clearTimeout(listing);
    listing = 0;
    listed = performance.now();
    for (const id of toList) {
      const tour = tables.tours[id];
      if (!tour) {
        if (rows.has(id)) rows.get(id).remove();
        rows.delete(id);
        continue;
      }
      if (!rows.has(id)) {
        const button = make("button", { type: "button", class: "row", tabindex: "-1", onclick: () => openTour(id, true) });
        button.dataset.tour = id;
        rows.set(id, make("li", {}, button));
      }
      fillRow(rows.get(id).firstChild, tour);
    }
    toList.clear();
    const wanted = shown();
    const busy = performance.now() - touched < 8000 && list.childElementCount;
    const hung = [...list.children];
    const same = wanted.length === hung.length && wanted.every((tour, i) => hung[i] === rows.get(tour.tour));
    if (!same && !(busy && wanted.length === list.childElementCount)) {
      const focused = document.activeElement && document.activeElement.dataset.tour;
      const scroll = list.scrollTop;
      list.replaceChildren(...wanted.map((tour) => rows.get(tour.tour)));
      list.scrollTop = scroll;
      if (focused && rows.has(focused)) rows.get(focused).firstChild.focus({ preventScroll: true });
    }
    const buttons = [...list.querySelectorAll("button")];
    // nobody is inside: the Tab key leads to the first row, which is the latest tour
    if (!buttons.includes(document.activeElement)) {
      for (const [i, button] of buttons.entries()) if (button.tabIndex !== (i ? -1 : 0)) button.tabIndex = i ? -1 : 0;
    }
    const empty = Object.keys(tables.tours).length === 0;
    by("no-tours").hidden = wanted.length > 0;
    by("no-tours").textContent = empty ? T("no_plan") : T("none_such");
    countStates();
  };
  const countStates = () => {
    const counts = { all: 0 };
    for (const tour of Object.values(tables.tours)) {
      counts.all += 1;
      counts[tour.state] = (counts[tour.state] || 0) + 1;
    }
    const box = by("states");
    for (const state of ["all", ...ORDER]) {
      let button = box.querySelector('[data-state="' + state + '"]');
      if (!button) {
        button = make("button", {
          type: "button", class: "s-" + state, "aria-pressed": String(only === state),
          onclick: () => {
            only = state;
            for (const other of box.children) other.setAttribute("aria-pressed", String(other === button));
            touched = 0;
            listTours();
          },
        }, make("b", {}), T(state === "all" ? "all" : "s_" + state));
        button.dataset.state = state;
        box.append(button);
      }
      button.firstChild.textContent = counts[state] || 0;
      button.hidden = !counts[state] && only !== state && state !== "all";
    }
    const wanting = (counts.very_late || 0) + (counts.late || 0) + (counts.silent || 0);
    const mark = document.querySelector('#views [data-view="tours"] b');
    mark.textContent = wanting || "";
    mark.classList.toggle("new", wanting > 0);
  };
  // One stop of the Tab key for the whole list; arrows, Home and End move inside it.
  const walk = (list) => list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1, PageDown: at + 8, PageUp: at - 8 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    touched = performance.now();
    const next = buttons[Math.max(0, Math.min(buttons.length - 1, to))];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  for (const list of [by("tour-list"), by("street-list")]) walk(list);
  for (const type of ["pointermove", "focusin", "wheel"]) {
    by("tour-list").addEventListener(type, () => { touched = performance.now(); }, { passive: true });
  }

  // --- one tour ----------------------------------------------------------------------------------------------------------

  let detail = null;
  let asked = 0;
  const get = async (path) => {
    const answer = await fetch(path, { headers: { Accept: "application/json" } });
    if (answer.status === 401) over();
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.detail || answer.status);
    return said;
  };
  const post = async (path, body) => {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": given.csrf, Accept: "application/json" }, body: JSON.stringify(body),
    });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(typeof said.detail === "string" ? said.detail : answer.status);
    return said;
  };
  async function openTour(id, moving) {
    open = id;
    by("all-tours").hidden = true;
    by("one-tour").hidden = false;
    by("street-list").replaceChildren();
    by("tour-head").replaceChildren(make("h2", {}, (tables.tours[id] || {}).name || id));
    if (view) view.pick(id, moving);
    by("back").focus();
    await readTour();
  }
  async function readTour() {
    if (!open) return;
    asked = performance.now();
    const wanted = open;
    const found = await get("/live/tours/" + encodeURIComponent(wanted)).catch(() => null);
    if (!found || open !== wanted) return;
    detail = found;
    headTour();
    listStreets();
  }
  const headTour = () => {
    const tour = tables.tours[open] || detail;
    if (!tour || !tour.state) return;
    const truck = tables.trucks[tour.truck] || {};
    const list = make("dl", {});
    const line = (term, what) => what && list.append(make("dt", {}, term), make("dd", {}, what));
    line(T("s_" + tour.state), lateWords(tour) || words(...thenWords(tour)));
    line(T("truck"), words(tour.truck, tour.duty === "break" ? T("in_break") : "", tour.duty === "off" ? T("tracking_off") : "",
      truck.receiver && truck.receiver !== "fix" ? T("no_fix") : "", truck.pending > 20 ? T("box_pending", { n: number(truck.pending) }) : ""));
    line(T("streets").split(" ")[0], words(...doneWords(tour)));
    if (tour.ends_at) line(T("end_at", { time: clock(tour.ends_at) }), T("end_planned", { time: clock(tour.planned_ends_at) }));
    for (const site of tour.sites) {
      line(given.sites[site.site] || site.site, words(clock(site.at), T("end_planned", { time: clock(site.planned_at) })));
    }
    if (tour.unloadings) line("", T("unloadings_n", { done: tour.unloaded === null ? "–" : tour.unloaded, n: tour.unloadings }));
    const kg = Object.entries(tour.load_kg).filter(([, value]) => value >= 1);
    if (kg.length) line(T("expected_load"), kg.map(([flux, value]) => (given.flux[flux] || flux) + " " + mass(value)).join(", "));
    if (tour.scale_kg !== null) line(T("on_scale"), mass(tour.scale_kg));
    if (tour.lifts) line("", T("lifts_n", { n: number(tour.lifts) }));
    by("tour-head").replaceChildren(
      make("h2", { class: "s-" + tour.state }, make("span", { class: "sign", "aria-hidden": "true" }, STATE_SIGNS[tour.state]), tour.name), list);
  };
  const sideWords = (street) => (street.side === "both" && street.kind !== "street" ? "" : T(street.side));
  const listStreets = () => {
    if (!detail) return;
    const focused = document.activeElement && document.activeElement.dataset.task;
    const some = by("only-open").checked;
    const wanted = detail.streets.filter((street) => !some || street.status !== "done");
    by("street-list").replaceChildren(...wanted.map((street, i) => {
      const when = street.status === "pending"
        ? T(street.expected_at ? "about_at" : "planned_at", { time: clock(street.expected_at || street.planned_at) }) : clock(street.from_at || street.planned_at);
      const button = make("button", { type: "button", class: "t-" + street.status, tabindex: i ? "-1" : "0", onclick: () => openStreet(street.task, true) },
        make("span", { class: "sign" + (street.status === "pending" ? " hollow" : ""), "aria-hidden": "true" }, TASK_SIGNS[street.status]),
        make("span", {}, street.name || T("no_name"), make("br"), make("small", {}, words(sideWords(street), T("t_" + street.status), street.passed_over ? T("passed_over") : ""))),
        make("span", { class: "at" }, when));
      button.dataset.task = street.task;
      return make("li", {}, button);
    }));
    const again = focused && by("street-list").querySelector('[data-task="' + CSS.escape(focused) + '"]');
    if (again) again.focus({ preventScroll: true });
  };
  const closeTour = () => {
    const was = open;
    open = detail = null;
    by("one-tour").hidden = true;
    by("all-tours").hidden = false;
    if (view) view.pick(null);
    for (const [id, row] of rows) row.firstChild.tabIndex = id === was ? 0 : -1;
    toList.add(was);
    listTours();
    if (rows.has(was)) rows.get(was).firstChild.focus();
  };
  by("back").addEventListener("click", closeTour);
  by("only-open").addEventListener("change", listStreets);
  by("see-truck").addEventListener("click", () => {
    const tour = tables.tours[open];
    if (tour && view) {
      show("map");
      view.lookAtTruck(tour.truck);
    }
  });

  // --- one street --------------------------------------------------------------------------------------------------------

  let cameFrom = null;
  async function openStreet(task, moving) {
    cameFrom = document.activeElement;
    if (view) view.lookAtStreet(task, moving);
    const street = await get("/live/streets/" + encodeURIComponent(task)).catch((error) => ({ error }));
    const card = by("street-card");
    const close = make("button", { type: "button", "aria-label": T("close"), onclick: closeStreet }, "×");
    if (street.error) {
      card.replaceChildren(make("header", {}, make("h2", {}, String(street.error.message)), close));
    } else {
      const evidence = make("ul", {});
      for (const piece of street.evidence) {
        const what = piece.what === "crew" ? T("why_crew_" + piece.note) : T("e_" + piece.what, { amount: measured(piece) });
        const until = piece.until_at && clock(piece.until_at) !== clock(piece.from_at) ? "–" + clock(piece.until_at) : "";
        evidence.append(make("li", {}, make("span", {}, what), make("span", {}, clock(piece.from_at) + until)));
      }
      const photos = ((street.crew || {}).photos || []).map((sum, i) => make("a", { href: "/photos/" + sum, target: "_blank", rel: "noopener" }, T("photo") + " " + (i + 1) + " "));
      const tour = tables.tours[street.served_by ? street.served_by.tour : street.tour] || {};
      card.replaceChildren(
        make("header", {}, make("h2", {}, street.name || T("no_name")), close),
        make("p", { class: "soft" }, words(sideWords(street), T("tour") + " " + (tour.name || street.tour))),
        make("p", { class: "state t-" + street.status }, make("span", { class: "sign" + (street.status === "pending" ? " hollow" : ""), "aria-hidden": "true" }, TASK_SIGNS[street.status]), " ",
          T("t_" + street.status) + (street.status === "partly" ? " · " + T("share", { n: number(100 * street.share) }) : "")),
        make("p", {}, T("why_" + street.reason)),
        street.served_by ? make("p", {}, T("served_by", { tour: tour.name || street.served_by.tour, truck: street.served_by.truck }),
          street.from_at ? " " + T("from_until", { from: clock(street.from_at), until: clock(street.until_at) }) : "") : "",
        make("p", { class: "soft" }, words(T("planned_at", { time: clock(street.planned_at) }),
          street.status === "pending" && street.expected_at ? T("about_at", { time: clock(street.expected_at) }) : "")),
        street.evidence.length ? make("h3", {}, T("evidence")) : "", evidence, ...photos);
    }
    card.hidden = false;
    show("map");
    card.focus();
  }
  function closeStreet() {
    by("street-card").hidden = true;
    if (view) view.lookAtStreet(null);
    if (cameFrom && cameFrom.isConnected) cameFrom.focus();
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (!by("street-card").hidden) closeStreet();
    else if (open) closeTour();
  });

  // --- incidents, messages, weighings --------------------------------------------------------------------------------------

  const say = (text) => { by("said").replaceChildren(make("p", {}, text)); };
  const newestFirst = (found) => [...found].sort((a, b) => b.at.localeCompare(a.at));
  const tourName = (id) => (tables.tours[id] ? tables.tours[id].name : "");
  const incidentWords = (incident) => T("i_" + incident.category);
  const listIncidents = () => {
    const found = newestFirst(Object.values(tables.incidents));
    document.querySelector("#incidents ul").replaceChildren(...found.map((incident) => {
      const fresh = now() - Date.parse(incident.at) < FRESH_MS;
      const slow = Date.parse(incident.received_at) - Date.parse(incident.at) > 15 * 60000;
      const photos = incident.photos.length ? T("photo") + " × " + incident.photos.length : "";
      return make("li", {}, make("button", { type: "button", class: "item" + (fresh ? " fresh" : ""), onclick: () => { show("map"); if (view) view.lookAtIncident(incident); } },
        make("time", { datetime: incident.at }, clock(incident.at)),
        make("span", {}, make("b", {}, incidentWords(incident)), incident.street ? " · " + incident.street : ""),
        make("span", { class: "more" }, words(incident.truck, tourName(incident.tour), slow ? T("came_late", { time: clock(incident.received_at) }) : "", photos)),
        incident.note ? make("span", { class: "text" }, incident.note) : ""));
    }));
    const count = document.querySelector("#tab-incidents b");
    count.textContent = found.length || "";
    const fresh = found.filter((incident) => now() - Date.parse(incident.at) < FRESH_MS).length;
    count.classList.toggle("new", fresh > 0);
    const mark = document.querySelector('#views [data-view="events"] b');
    mark.textContent = found.length || "";
    mark.classList.toggle("new", fresh > 0);
  };
  const listMessages = () => {
    const found = newestFirst(Object.values(tables.messages));
    document.querySelector("#messages ul").replaceChildren(...found.map((message) => make("li", { class: "item" + (message.sender === "planner" ? " ours" : "") },
      make("time", { datetime: message.at }, clock(message.at)),
      make("span", {}, message.sender === "planner" ? T("planner") + " → " + message.truck : message.truck + " · " + T("crew")),
      make("span", { class: "text" }, message.text))));
    document.querySelector("#tab-messages b").textContent = found.filter((m) => m.sender === "crew").length || "";
  };
  const listTrucks = () => {
    const trucks = new Set([...Object.values(tables.tours).map((tour) => tour.truck), ...Object.keys(tables.trucks)]);
    const select = by("write-to");
    if (select.options.length === trucks.size && [...select.options].every((option) => trucks.has(option.value))) return;
    const was = select.value;
    select.replaceChildren(...[...trucks].sort(compare).map((truck) => make("option", { value: truck }, truck)));
    if (trucks.has(was)) select.value = was;
  };
  const listTickets = () => {
    const found = newestFirst(Object.values(tables.tickets));
    const net = {};
    for (const ticket of found) if (!ticket.replaced_by) net[ticket.flux || ""] = (net[ticket.flux || ""] || 0) + ticket.net_kg;
    const swatch = (flux) => {
      const made = make("span", { class: "swatch", "aria-hidden": "true" });
      if (given.colours[flux]) made.style.setProperty("--colour", given.colours[flux]);
      return made;
    };
    by("weighed").replaceChildren(...(found.length ? [make("table", {}, make("caption", { class: "out" }, T("day_net")),
      make("tbody", {}, ...Object.entries(net).map(([flux, kg]) => make("tr", {}, make("td", {}, swatch(flux), given.flux[flux] || flux || T("r_unknown_flux")), make("td", {}, mass(kg))))))] : []));
    const waiting = newestFirst(Object.values(tables.weighings).filter((weighing) => !weighing.ticket && now() - Date.parse(weighing.at) < 2 * 3600000));
    document.querySelector("#weighings ul").replaceChildren(
      ...waiting.map((weighing) => make("li", { class: "item" }, make("time", { datetime: weighing.at }, clock(weighing.at)),
        make("span", {}, weighing.truck || weighing.plate || T("unknown_truck"), make("span", { class: "kg" }, mass(weighing.kg))),
        make("span", { class: "more" }, words(given.sites[weighing.site] || weighing.site, T("on_bridge"))))),
      ...found.map((ticket) => make("li", { class: "item" + (ticket.replaced_by ? " gone" : "") }, make("time", { datetime: ticket.at }, clock(ticket.at)),
        make("span", {}, ticket.truck || ticket.plate || T("unknown_truck"), ticket.tour ? " · " + tourName(ticket.tour) : "", make("span", { class: "kg" }, mass(ticket.net_kg))),
        make("span", { class: "more" }, words(given.flux[ticket.flux] || ticket.product || "", given.sites[ticket.site] || ticket.site, T("ticket", { number: ticket.number }),
          ticket.replaced_by ? T("replaced", { number: ticket.replaced_by }) : "")))));
    document.querySelector("#tab-weighings b").textContent = found.filter((ticket) => !ticket.replaced_by).length || "";
  };
  const tabs = [...document.querySelectorAll("#tabs button")];
  const openTab = (tab) => {
    for (const other of tabs) {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
      by(other.getAttribute("aria-controls")).hidden = other !== tab;
    }
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => openTab(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      openTab(next);
      next.focus();
    });
  });
  by("write").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = by("write-text").value.trim();
    if (!text) return;
    try {
      await post("/messages", { truck: by("write-to").value, text });
      by("write-text").value = "";
      by("write-said").textContent = T("sent");
    } catch (error) {
      by("write-said").textContent = T("not_sent", { why: error.message });
    }
  });

  // --- news from the depot ---------------------------------------------------------------------------------------------------

  const take = (news) => {
    hear(news.now);
    if (news.timezone !== timezone) {
      timezone = news.timezone;
      formats();
    }
    if (news.date) by("day").textContent = new Intl.DateTimeFormat(given.lang, { dateStyle: "full", timeZone: "UTC" }).format(new Date(news.date + "T12:00:00Z"));
    const first = news.full;
    if (first) {
      for (const name in tables) tables[name] = {};
      for (const row of rows.values()) row.remove();
      rows.clear();
      if (view) view.forget();
    }
    const old = first ? {} : { ...tables.incidents, ...tables.messages };
    for (const name in tables) {
      for (const [key, value] of Object.entries(news[name] || {})) {
        if (value === null) delete tables[name][key];
        else tables[name][key] = value;
      }
    }
    if (news.plan) readPlan();
    draw(news); // trucks move first, lists follow
    for (const id in news.tours || {}) toList.add(id);
    if (first) listTours();
    else if (toList.size && !listing) listing = setTimeout(listTours, Math.max(0, LIST_MS - (performance.now() - listed)));
    if (open && news.tours && news.tours[open]) headTour();
    if (open && performance.now() - asked > 3000 && ((news.tours && news.tours[open]) || Object.values(news.tasks || {}).some((task) => task && task[2] === open))) readTour();
    if (news.incidents || first) listIncidents();
    if (news.messages || first) listMessages();
    if (news.tours || news.trucks || first) listTrucks();
    if (news.tickets || news.weighings || first) listTickets();
    if (!first) announce(news, old);
  };
  // Read out what happens now; what comes in hours late is in the list, and is no alarm.
  const announce = (news, old) => {
    const is = (key, thing) => thing && !old[key] && now() - Date.parse(thing.at) < FRESH_MS;
    for (const [key, incident] of Object.entries(news.incidents || {})) {
      if (is(key, incident)) say(T("new_incident", { truck: incident.truck, what: incidentWords(incident), where: incident.street }));
    }
    for (const [key, message] of Object.entries(news.messages || {})) {
      if (is(key, message) && message.sender === "crew") say(T("new_message", { truck: message.truck, text: message.text }));
    }
  };
  const draw = (news) => {
    if (!view) return;
    view.setTours(news.tours || {}, now());
    view.setTasks(news.tasks || {});
    if (!document.body.dataset.replay) for (const [id, truck] of Object.entries(news.trucks || {})) view.showTruck(id, truck, now());
    for (const [id, incident] of Object.entries(news.incidents || {})) {
      view.showIncident(id, incident, incident ? clock(incident.at) + " " + incidentWords(incident) : "");
    }
  };
  const drawAll = () => draw(tables);
  let planAsked = "";
  const readPlan = async () => {
    const wanted = JSON.stringify(tables.plan);
    if (wanted === planAsked || !view) return;
    planAsked = wanted;
    const found = await get("/console/plan.json").catch(() => null);
    if (!found) {
      planAsked = "";
      return;
    }
    view.showPlan(found);
    drawAll();
    if (!readPlan.framed) {
      readPlan.framed = true;
      if (!location.hash && Object.keys(found.tasks).length) view.all();
    }
  };

  let source = null;
  let heard = 0;
  let lastHeard = null;
  const link = (state, text) => {
    by("link").dataset.link = state;
    if (by("link").lastChild.textContent !== text) by("link").lastChild.textContent = text;
  };
  const over = () => {
    link("lost", "");
    by("link").lastChild.replaceChildren(make("a", { href: "/login?next=/console" }, T("log_in_again")));
    if (source) source.close();
    source = "over";
  };
  const connect = () => {
    if (source === "over") return;
    if (source) source.close();
    heard = performance.now();
    source = new EventSource("/live/stream");
    source.addEventListener("live", (event) => {
      heard = performance.now();
      link("live", T("live"));
      const news = JSON.parse(event.data);
      lastHeard = news.now;
      take(news);
      document.documentElement.dataset.live = String(Number(document.documentElement.dataset.live || 0) + 1);
    });
    source.addEventListener("error", () => {
      link("lost", lastHeard ? T("cut_off", { time: clock(lastHeard) }) : T("connecting"));
      if (source !== "over" && source.readyState === EventSource.CLOSED) {
        fetch("/live", { headers: { Accept: "application/json" } }).then((answer) => (answer.status === 401 ? over() : setTimeout(connect, 3000)), () => setTimeout(connect, 3000));
      }
    });
  };
  setInterval(() => {
    tick();
    if (source && source !== "over" && performance.now() - heard > 30000) {
      link("lost", lastHeard ? T("cut_off", { time: clock(lastHeard) }) : T("connecting"));
      connect();
    }
  }, 1000);

  // --- a past day --------------------------------------------------------------------------------------------------------------

  const dialogs = [...document.querySelectorAll("dialog")];
  for (const dialog of dialogs) dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  const fillTours = async () => {
    const found = await get("/replay/tours?date=" + encodeURIComponent(by("replay-date").value)).catch(() => ({ tours: [] }));
    by("replay-tour").replaceChildren(...found.tours.map((tour) => make("option", { value: tour.tour }, tour.name + " · " + tour.truck)));
    by("replay-said").textContent = found.tours.length ? "" : T("no_tours_that_day");
  };
  if (given.may_replay) {
    by("open-replay").addEventListener("click", () => {
      const yesterday = new Date(now() - 86400000);
      if (!by("replay-date").value) by("replay-date").value = yesterday.toISOString().slice(0, 10);
      by("replay").showModal();
      fillTours();
    });
  } else by("open-replay").hidden = true;
  by("replay-date").addEventListener("change", fillTours);
  by("replay-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const told = await post("/replay", { date: by("replay-date").value, tour: by("replay-tour").value, reason: by("replay-reason").value.trim() });
      by("replay").close();
      by("replay-reason").value = "";
      startReplay(told);
    } catch (error) {
      by("replay-said").textContent = T("not_shown", { why: error.message });
    }
  });
  const startReplay = (told) => {
    document.body.dataset.replay = "yes";
    by("replay-bar").hidden = false;
    by("replay-title").textContent = T("replaying", { tour: told.name, day: told.date });
    const slider = by("replay-clock");
    slider.max = Math.max(0, told.places.length - 1);
    slider.value = 0;
    const move = () => {
      const place = told.places[Number(slider.value)];
      by("replay-now").textContent = place ? clock(place.at) : "–";
      slider.setAttribute("aria-valuetext", by("replay-now").textContent);
      if (view) view.replayAt(Number(slider.value));
    };
    slider.oninput = move;
    if (view) view.showReplay(told);
    move();
    show("map");
    slider.focus();
  };
  by("end-replay").addEventListener("click", () => {
    delete document.body.dataset.replay;
    by("replay-bar").hidden = true;
    if (view) view.endReplay();
    drawAll();
  });

  // --- the day's report ----------------------------------------------------------------------------------------------------------

  by("open-report").addEventListener("click", async () => {
    by("report-body").replaceChildren(make("p", { role: "status" }, T("report_coming")));
    by("report").showModal();
    const today = Object.keys(tables.plan).sort().pop() || new Date(now()).toISOString().slice(0, 10);
    const told = await get("/days/" + today + "/report").catch((error) => ({ error }));
    if (told.error || !told.tours.length) {
      by("report-body").replaceChildren(make("p", {}, told.error ? String(told.error.message) : T("report_empty")));
      return;
    }
    const kg = (found) => mass(Object.values(found).reduce((a, b) => a + b, 0));
    const km = (value) => (value === null ? "–" : number(value, 1));
    const keys = ["tour", "truck", "r_served", "r_partly", "r_missed", "r_open", "r_km", "r_start", "r_end", "r_kg"];
    const lines = told.tours.map((t) => [t.name, t.truck, t.done_tasks + "/" + t.tasks, t.partly_tasks, t.missed_tasks, t.open_tasks, km(t.planned_km) + " › " + km(t.driven_km),
      clock(t.planned_start_at) + " › " + clock(t.began_at), clock(t.planned_end_at) + " › " + clock(t.ended_at), kg(t.planned_kg) + " › " + kg(t.weighed_kg)]);
    const cells = (row, tag) => make("tr", {}, ...row.map((cell) => make(tag, tag === "th" ? { scope: "col" } : {}, String(cell))));
    const flux = Object.entries(told.kg || {}).map(([name, both]) => make("li", {}, T("r_flux", { flux: given.flux[name] || name || T("r_unknown_flux"), planned: mass(both.planned), weighed: mass(both.weighed) })));
    by("report-body").replaceChildren(make("table", {}, make("caption", {}, T("report_of", { day: told.date })), make("thead", {}, cells(keys.map((key) => T(key)), "th")),
      make("tbody", {}, ...lines.map((row) => cells(row, "td")))), make("ul", {}, ...flux));
  });

  // --- frame -----------------------------------------------------------------------------------------------------------------------

  function show(name) {
    document.body.dataset.view = name;
    for (const button of document.querySelectorAll("#views button")) button.setAttribute("aria-pressed", String(button.dataset.view === name));
    if (view) view.resized();
  }
  for (const button of document.querySelectorAll("#views button")) button.addEventListener("click", () => show(button.dataset.view));
  const system = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => {
    const chosen = localStorage.getItem("ripeur-theme");
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (view) view.darken(dark);
  };
  by("theme").addEventListener("click", () => {
    localStorage.setItem("ripeur-theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    theme();
  });
  system.addEventListener("change", theme);
  theme();
  connect();
  fetch("/console/base.json").then((answer) => answer.json()).then((base) => {
    view = consoleMap({ ...given, ...base, timezone }, {
      street: (task) => openStreet(task, false),
      truck: (id) => {
        const truck = tables.trucks[id];
        if (truck && truck.tour && tables.tours[truck.tour]) {
          show("tours");
          openTour(truck.tour, false);
        }
      },
      incident: () => { show("events"); openTab(by("tab-incidents")); },
    });
    theme();
    planAsked = "";
    readPlan();
    drawAll();
    document.documentElement.dataset.ready = "yes";
  });
})();
