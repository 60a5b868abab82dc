"use strict";
/* Draws the plan that stands in the page (see map.py) on the street map (streetmap.js). Everything is in the file. */

function ripeur(map, plan) {
  const {
    T, clock, number, mass, metres, sum, element, undelta, within, pixelsPerMetre, renderer, glowRenderer, SidedLine,
    sideWeight, sideOffset, picture, badge, marker, Lettering, frame, places,
  } = streetmap(map, plan);

  // --- tours -------------------------------------------------------------------------------------------------------

  const trafficSide = plan.keepLeft ? -1 : 1;
  const lineOf = (tour, leg, points) => {
    const common = { renderer, color: tour.colour, opacity: 1, bubblingMouseEvents: false };
    if (leg.foot) {
      return new SidedLine(points, { ...common, dashArray: "1 7", weightAt: (z) => sideWeight(z) + 1, offsetAt: () => 0 });
    }
    if (leg.kind !== "collect") {
      return new SidedLine(points, {
        ...common, opacity: 0.75, dashArray: "6 6", lineCap: "butt",
        weightAt: (z) => within(1.3, pixelsPerMetre(z), 2.2), offsetAt: (z) => trafficSide * within(0.8, pixelsPerMetre(z), 4),
      });
    }
    const sign = { right: 1, left: -1 }[leg.side] || 0;
    return new SidedLine(points, {
      ...common,
      weightAt: (z) => sideWeight(z) * (sign ? 1 : 1.7),
      offsetAt: (z) => sign * sideOffset(z),
    });
  };

  const tours = plan.tours.map((written) => {
    const tour = { ...written, group: L.layerGroup(), shown: true };
    let last = null;
    tour.legs = written.legs.map(([kind, row, start, end, side, foot, points, kg, dwellings], index) => {
      const leg = { kind, row: tour.rows[row] || null, start, end, side, foot, kg, dwellings, index };
      leg.points = undelta(points);
      last = leg.at = leg.points[0] || last;
      if (leg.points.length) last = foot ? leg.points[0] : leg.points[leg.points.length - 1];
      return leg;
    });
    for (const kind of ["drive", "collect"]) {
      for (const leg of tour.legs) {
        if (leg.points.length < 2 || (leg.kind === "collect") !== (kind === "collect")) continue;
        leg.line = lineOf(tour, leg, leg.points);
        leg.full = leg.line.options.opacity;
        leg.line.bindTooltip(() => shortCard(tour, leg), { sticky: true });
        leg.line.on("click", (event) => show(tour, leg, event.latlng));
        tour.group.addLayer(leg.line);
      }
    }
    for (const leg of tour.legs) {
      if (leg.kind !== "collect" || leg.points.length !== 1) continue;
      const what = leg.row && leg.row.task;
      const inside = what === "presentation_point" ? "P" : picture("bin");
      const label = T(what || "collect") + " " + (leg.row ? leg.row.street || "" : "");
      const made = marker(leg.at, badge(what === "drop_off" ? "round" : "point", inside, tour), label);
      made.on("click", () => show(tour, leg, made.getLatLng()));
      tour.group.addLayer(made);
    }
    for (const [row, ...at] of written.turnings) {
      const leg = tour.legs[(tour.rows[row].legs || [0])[0]];
      const made = marker(undelta(at)[0], badge("reverse", picture("reverse")), T("key_reversal") + " " + (tour.rows[row].street || ""));
      made.on("click", () => show(tour, leg, made.getLatLng()));
      tour.group.addLayer(made);
    }
    tour.truckMark = marker([0, 0], badge("truck", "", tour), tour.name, [64, 24]);
    tour.truckMark.options.icon.options.html.append(tour.name);
    tour.group.addTo(map);
    return tour;
  });
  // Whoever drives through must not hide what another collects; clicks reach one canvas only, so it is one for both.
  const drivesBehind = () => tours.forEach((tour) => tour.shown && tour.legs.forEach((leg) => {
    if (leg.line && leg.kind !== "collect") leg.line.bringToBack();
  }));
  drivesBehind();

  // --- cards -------------------------------------------------------------------------------------------------------

  const times = (thing) => clock(thing.start) + " – " + clock(thing.end);
  const rowName = (row) => {
    if (row.kind === "unload") return T("unload_trip", { trip: row.trip || "" }) + (row.site ? " · " + row.site : "");
    return row.kind === "collect" ? row.street || T("no_name") : T(row.kind);
  };
  const legName = (leg) => (leg.kind === "drive" ? T("drive") : leg.row ? rowName(leg.row) : T(leg.kind));
  const sideName = (leg) =>
    leg.foot ? T("foot") : leg.side === "both" ? T("both") : leg.side ? T("side") + " : " + T(leg.side) : "";
  const CALM = ["oneway", "u_turn_before", "presentation", "foot"]; // the others are warnings
  const note = ([key, m, seconds, at]) => {
    const hour = (s) => String(Math.floor(s / 3600)).padStart(2, "0") + ":" + String(Math.floor(s / 60) % 60).padStart(2, "0");
    return T("note_" + key, {
      length: m ? metres(m) : "", height: m ? number(m, 1) + "\u00a0m" : "",
      start: seconds ? hour(seconds[0]) : "", end: seconds ? hour(seconds[1]) : "", at: at ? " (" + at + ")" : "",
    });
  };
  const between = (row) => (row.returns ? T("there_and_back") + " " : "") + [row.a, row.b].filter(Boolean).join(" > ");
  const swatch = (flux) => {
    const made = element("span", { class: "swatch" + (flux.colour ? "" : " nobag") });
    if (flux.colour) made.style.background = flux.colour;
    return made;
  };
  const fluxTable = (kg) => {
    const body = element("table", {});
    for (const flux of plan.flux) {
      if (!kg[flux.name]) continue;
      const bags = flux.colour && flux.kgPerBag ? T("bag_count", { n: number(Math.ceil(kg[flux.name] / flux.kgPerBag)) }) : "";
      body.append(element("tr", {}, element("td", {}, swatch(flux), flux.label), element("td", {}, mass(kg[flux.name])),
        element("td", {}, bags)));
    }
    return body;
  };
  const ofTour = (tour, row) => element("div", { class: "of", colour: tour.colour },
    T("tour") + " " + tour.name + (row && row.n ? " · " + T("number") + " " + row.n : ""));
  const shortCard = (tour, leg) => {
    const parts = [element("b", {}, legName(leg)), element("br"), [sideName(leg), times(leg)].filter(Boolean).join(" · ")];
    if (leg.kind === "collect") {
      parts.push(element("br"), plan.flux.filter((f) => leg.kg[f.name])
        .map((f) => f.label + " " + mass(leg.kg[f.name])).join(", "));
    }
    return element("div", {}, ...parts, element("br"), ofTour(tour, leg.row));
  };
  const card = (tour, leg) => {
    const row = leg.row;
    const warn = row ? (row.notes || []).map((n) => element("div", { class: CALM.includes(n[0]) ? "" : "warn" }, note(n))) : [];
    const more = [];
    if (row && leg.kind === "collect" && between(row)) more.push(element("div", {}, between(row)));
    if (leg.kind === "collect" || leg.kind === "unload") more.push(fluxTable(leg.kg));
    if (leg.dwellings) more.push(element("div", {}, T("dwellings", { n: number(leg.dwellings) })));
    return element("div", { class: "card" }, ofTour(tour, row), element("strong", {}, legName(leg)),
      element("div", {}, [sideName(leg), times(leg)].filter(Boolean).join(" · ")), ...more, ...warn);
  };
  const glow = L.layerGroup().addTo(map);
  map.on("popupclose", () => glow.clearLayers());
  function show(tour, leg, at) {
    glow.clearLayers();
    L.popup({ maxWidth: 320, autoPanPadding: [20, 20] }).setLatLng(at || leg.at).setContent(card(tour, leg)).openOn(map);
    const legs = leg.row && leg.row.legs ? leg.row.legs.map((i) => tour.legs[i]) : [leg];
    for (const part of legs) {
      if (part.points.length < 2) continue;
      glow.addLayer(new SidedLine(part.points, {
        renderer: glowRenderer, pane: "glow", color: "#ffd400", opacity: 0.9, interactive: false,
        weightAt: (z) => 2.2 * sideWeight(z) + 8, offsetAt: () => 0,
      }));
    }
  }

  // --- places and what is not collected ------------------------------------------------------------------------------

  places(plan.places);
  const lost = plan.unserved.map((written) => {
    const points = undelta(written.line);
    const what = element("div", { class: "card" }, element("strong", {}, written.name || T("no_name")),
      element("div", { class: "warn" }, T("key_unserved") + " : " + T(written.reason)), fluxTable(written.kg));
    const drawn = points.length > 1
      ? new SidedLine(points, {
        renderer, color: plan.unservedColour, opacity: 1, weightAt: (z) => sideWeight(z) + 2,
        offsetAt: (z) => (({ right: 1, left: -1 })[written.side] || 0) * sideOffset(z),
      })
      : marker(points[0], badge("lost", picture("lost")), written.name || T("key_unserved"));
    drawn.bindPopup(what).addTo(map);
    return { ...written, points, drawn };
  });

  // --- arrows and numbers over the lines ------------------------------------------------------------------------------

  const Annotations = Lettering.extend({
    _first(pen, corner, size, zoom) {
      this._arrows(pen, corner, size, zoom);
      if (zoom >= 14) this._numbers(pen, corner, size, zoom);
    },
    _arrows(pen, corner, size, zoom) {
      if (zoom < 14.5) return;
      for (const tour of tours.filter((t) => t.shown)) {
        let left = 30;
        for (const leg of tour.legs) {
          if (!leg.line || leg.foot || leg.faded || !leg.line._rings || !leg.line._rings[0]) continue;
          const ring = leg.line._rings[0];
          for (let i = 1; i < ring.length; i++) {
            const [a, b] = [ring[i - 1], ring[i]];
            const length = a.distanceTo(b);
            while (left <= length) {
              const x = a.x + ((b.x - a.x) * left) / length - corner.x;
              const y = a.y + ((b.y - a.y) * left) / length - corner.y;
              left += leg.kind === "collect" ? 70 : 120;
              if (x < 0 || y < 0 || x > size.x || y > size.y) continue;
              const collects = leg.kind === "collect";
              const wing = collects ? within(2.6, 0.8 * leg.line.options.weight, 6) : 5;
              pen.save();
              pen.translate(x, y);
              pen.rotate(Math.atan2(b.y - a.y, b.x - a.x));
              pen.beginPath();
              pen.moveTo(wing, 0);
              pen.lineTo(-0.8 * wing, -wing);
              pen.lineTo(-0.3 * wing, 0);
              pen.lineTo(-0.8 * wing, wing);
              pen.closePath();
              pen.strokeStyle = collects ? tour.colour : "#fff";
              pen.lineWidth = collects ? 2 : 1;
              pen.stroke();
              pen.fillStyle = collects ? "#fff" : tour.colour;
              pen.fill();
              pen.restore();
            }
            left -= length;
          }
        }
      }
    },
    _numbers(pen, corner, size, zoom) {
      const r = zoom >= 16 ? 10.5 : 9;
      pen.font = "700 " + (zoom >= 16 ? 12 : 10.5) + "px system-ui, Arial, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      for (const tour of tours.filter((t) => t.shown)) {
        for (const row of tour.rows) {
          const leg = row.n && row.legs ? tour.legs[row.legs[0]] : null;
          if (!leg || leg.faded) continue;
          const ring = leg.line && leg.line._rings && leg.line._rings[0];
          if (leg.line ? !ring : zoom < 16) continue;
          const i = ring ? Math.max(1, Math.floor(ring.length / 4)) : 0;
          const at = ring ? ring[i - 1].add(ring[i]).divideBy(2) : map.latLngToLayerPoint(leg.at).add([17, -13]);
          const [x, y] = [at.x - corner.x, at.y - corner.y];
          if (x < -r || y < -r || x > size.x + r || y > size.y + r || !this._free(x, y, r, r)) continue;
          pen.beginPath();
          pen.arc(x, y, r, 0, 7);
          pen.fillStyle = tour.colour;
          pen.fill();
          pen.lineWidth = 1.6;
          pen.strokeStyle = "#fff";
          pen.stroke();
          pen.fillStyle = tour.ink;
          pen.fillText(row.n, x, y + 0.5);
        }
      }
    },
  });
  const annotations = new Annotations();

  // --- panel -----------------------------------------------------------------------------------------------------------

  const by = (id) => document.getElementById(id);
  const boundsOf = (points) => (points.length ? L.latLngBounds(points) : null);
  const narrow = window.matchMedia("(max-width: 760px)");
  const openPanel = (open) => {
    by("panel").classList.toggle("closed", !open);
    by("toggle").setAttribute("aria-expanded", String(open));
  };
  const makeRoom = () => narrow.matches && openPanel(false); // on a phone the panel covers the map
  const fit = (points) => {
    makeRoom();
    const bounds = boundsOf(points);
    if (bounds) map.fitBounds(bounds, { padding: [30, 30], maxZoom: 18 });
  };
  const shownPoints = () => tours.filter((t) => t.shown).flatMap((t) => t.legs.flatMap((leg) => leg.points));
  const switchTour = (tour, on) => {
    tour.shown = on;
    tour.box.checked = on;
    tour.card.classList.toggle("off", !on);
    if (on) tour.group.addTo(map);
    else tour.group.remove();
    if (on) drivesBehind();
    annotations.soon();
  };
  const step = (tour, row) => {
    const what = element("span", { class: "what" }, rowName(row));
    const detail = [];
    if (row.kind === "collect") detail.push(row.foot ? T("foot") : row.side ? T(row.side) : "", between(row));
    const kg = sum(Object.values(row.kg || {}));
    if (kg) detail.push(mass(kg));
    const small = detail.filter(Boolean).join(" · ");
    if (small) what.append(element("br"), element("small", {}, small));
    for (const n of row.notes || []) what.append(element("br"), element("small", { class: CALM.includes(n[0]) ? "" : "warn" }, note(n)));
    return element("li", {}, element("button", {
      type: "button",
      onclick: () => {
        const leg = tour.legs[(row.legs || [])[0]];
        if (!leg || !leg.at) return;
        if (!tour.shown) switchTour(tour, true);
        makeRoom();
        const points = row.legs.flatMap((i) => tour.legs[i].points);
        if (points.length) map.fitBounds(L.latLngBounds(points), { padding: [120, 120], maxZoom: 17.5, animate: false });
        show(tour, leg, points.length ? points[Math.floor(points.length / 2)] : leg.at);
      },
    }, element("span", { class: "n" + (row.n ? "" : " none"), colour: tour.colour, ink: tour.ink }, row.n ? String(row.n) : "•"),
    what, element("span", { class: "at" }, clock(row.start))));
  };
  for (const tour of tours) {
    tour.box = element("input", { type: "checkbox", checked: "", "aria-label": T("show_tour", { tour: tour.name }) });
    tour.box.addEventListener("change", () => switchTour(tour, tour.box.checked));
    const crew = tour.loaders ? " · " + T(tour.loaders === 1 ? "one_loader" : "n_loaders", { n: tour.loaders }) : "";
    const steps = element("details", { class: "steps" }, element("summary", {}, T("stops")));
    // filled when opened: a town has thousands of steps
    steps.addEventListener("toggle", () => {
      if (steps.open && steps.childElementCount === 1) {
        steps.append(element("ul", {}, ...tour.rows.filter((row) => row.kind !== "wait").map((row) => step(tour, row))));
      }
    });
    tour.card = element("li", { class: "tour", colour: tour.colour },
      element("div", { class: "head" }, element("label", {}, tour.box, tour.name),
        element("button", { type: "button", "aria-label": T("zoom_to") + " " + tour.name,
          onclick: () => fit(tour.legs.flatMap((leg) => leg.points)) }, T("zoom_to"))),
      element("div", { class: "figures" },
        element("b", {}, times(tour)), " · " + T("truck") + " " + tour.truck + crew, element("br"),
        element("b", {}, number(tour.km, 1) + "\u00a0km"), " · ", element("b", {}, number(tour.kg / 1000, 1) + "\u00a0t"),
        " · " + tour.trips + " " + T(tour.trips === 1 ? "trip" : "trips")),
      steps);
    by("tours").append(tour.card);
  }
  by("sum").textContent = tours.length
    ? T("total") + " : " + tours.length + " " + T(tours.length === 1 ? "tour" : "tours").toLowerCase() + " · " +
      number(sum(tours.map((t) => t.km))) + " km · " + number(sum(tours.map((t) => t.kg)) / 1000, 1) + " t"
    : T("no_tours");
  by("all").addEventListener("click", () => tours.forEach((tour) => switchTour(tour, true)));
  by("none").addEventListener("click", () => tours.forEach((tour) => switchTour(tour, false)));
  by("fit").addEventListener("click", () => fit(shownPoints()));

  if (lost.length) {
    by("unserved").append(element("h2", {}, T("unserved_count", { n: lost.length })), element("ul", { class: "steps" },
      ...lost.map((task) => element("li", {}, element("button", {
        type: "button",
        onclick: () => {
          makeRoom();
          map.setView(task.points[0], 17, { animate: false });
          task.drawn.openPopup(task.points[Math.floor(task.points.length / 2)]);
        },
      }, element("span", { class: "n", colour: plan.unservedColour }, "×"),
      element("span", { class: "what" }, task.name || T("no_name"), element("br"), element("small", {}, T(task.reason))),
      element("span", { class: "at" }, mass(sum(Object.values(task.kg)))))))));
  } else by("unserved").append(element("p", { class: "fine" }, T("none_unserved")));

  const line = (stroke, width, dash, y, cap) => svg("line", {
    x1: 2, x2: 42, y1: y, y2: y, stroke, "stroke-width": width, "stroke-dasharray": dash || "none", "stroke-linecap": cap || "butt",
  });
  const drawing = (...lines) => svg("svg", { width: 44, height: 18, "aria-hidden": "true" }, ...lines);
  const markHtml = (made) => element("span", { class: "mark" }, made);
  const keyTour = tours.length ? tours[0] : { colour: "#0055cc", ink: "#fff" };
  const keyColour = keyTour.colour;
  const key = [
    [drawing(line("#fff", 9, "", 9), line("#bbb", 1, "", 4), line("#bbb", 1, "", 14), line(keyColour, 4, "", 13)), "key_right"],
    [drawing(line(keyColour, 7, "", 9)), "key_both"],
    [drawing(line(keyColour, 2, "6 6", 9)), "key_drive"],
    [drawing(line(keyColour, 4, "1 7", 9, "round")), "key_foot"],
    [markHtml(badge("round", "12", keyTour)), "key_number"],
    [markHtml(badge("reverse", picture("reverse"))), "key_reversal"],
    [markHtml(badge("", "P", keyTour)), "key_presentation"],
    [markHtml(badge("round", picture("bin"), keyTour)), "key_drop_off"],
    [markHtml(badge("house", picture("unload"))), "key_site"],
    [markHtml(badge("house", picture("house"))), "key_depot"],
    [drawing(line(plan.unservedColour, 6, "", 9)), "key_unserved"],
  ];
  for (const [sample, words] of key) {
    document.querySelector("#key ul").append(element("li", {}, sample, T(words)));
  }
  for (const flux of plan.flux) {
    document.querySelector("#key ul").append(element("li", {}, element("span", { class: "mark" }, swatch(flux)), flux.label));
  }
  by("time").addEventListener("submit", (event) => event.preventDefault());
  by("toggle").addEventListener("click", () => openPanel(by("panel").classList.contains("closed")));

  // --- time of day -------------------------------------------------------------------------------------------------------

  const first = Math.min(...tours.map((t) => t.start));
  const end = Math.max(...tours.map((t) => t.end));
  const slider = by("clock");
  const whereIs = (tour, t) => {
    const leg = tour.legs.find((l) => t >= l.start && t < l.end) || [...tour.legs].reverse().find((l) => l.end <= t);
    if (!leg) return null;
    if (leg.points.length < 2 || leg.foot) return leg.at;
    const done = within(0, (t - leg.start) / (leg.end - leg.start || 1), 1);
    const lengths = leg.points.slice(1).map((p, i) => p.distanceTo(leg.points[i]));
    let left = done * sum(lengths);
    for (let i = 0; i < lengths.length; i++) {
      if (left <= lengths[i] && lengths[i] > 0) {
        const [a, b] = [leg.points[i], leg.points[i + 1]];
        return L.latLng(a.lat + ((b.lat - a.lat) * left) / lengths[i], a.lng + ((b.lng - a.lng) * left) / lengths[i]);
      }
      left -= lengths[i];
    }
    return leg.points[leg.points.length - 1];
  };
  const atTime = () => {
    const t = Number(slider.value);
    const whole = t >= end;
    by("now").textContent = whole ? T("whole_day") : clock(t);
    slider.setAttribute("aria-valuetext", by("now").textContent);
    for (const tour of tours) {
      for (const leg of tour.legs) {
        const faded = !whole && leg.start > t;
        if (leg.line && faded !== Boolean(leg.faded)) leg.line.setStyle({ opacity: faded ? 0.15 : leg.full });
        leg.faded = faded;
      }
      const at = whole || t < tour.start || t > tour.end ? null : whereIs(tour, t);
      if (at) tour.group.addLayer(tour.truckMark.setLatLng(at));
      else tour.group.removeLayer(tour.truckMark);
    }
    annotations.soon();
  };
  let playing = null;
  const play = (on) => {
    clearInterval(playing);
    playing = null;
    by("play").textContent = on ? "❚❚" : "▶";
    by("play").setAttribute("aria-pressed", String(on));
    if (!on) return;
    if (Number(slider.value) >= end) slider.value = first;
    playing = setInterval(() => {
      slider.value = Number(slider.value) + 60;
      atTime();
      if (Number(slider.value) >= end) play(false);
    }, 60);
  };
  if (tours.length) {
    slider.min = first;
    slider.max = end + ((60 - ((end - first) % 60)) % 60); // a step of the slider must meet the end
    slider.step = 60;
    slider.value = slider.max;
    slider.addEventListener("input", () => { play(false); atTime(); });
    by("play").addEventListener("click", () => play(playing === null));
  } else by("time").hidden = true;

  // --- frame -------------------------------------------------------------------------------------------------------------

  frame([16, 16, 16, narrow.matches ? 76 : 66]); // below: the clock's bar
  annotations.addTo(map);
  if (tours.length) atTime();
  document.documentElement.dataset.ready = "yes";
}
