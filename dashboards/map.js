"use strict";
/* Draws the plan that stands in the page (see map.py). Everything is in the file: no request, no library but Leaflet. */

function ripeur(map, plan) {
  const T = (key, values) => {
    let found = plan.texts[key];
    for (const name in values || {}) found = found.replace("{" + name + "}", values[name]);
    return found;
  };
  const clockFormat = new Intl.DateTimeFormat(plan.lang, {
    timeZone: plan.timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const clock = (s) => clockFormat.format(new Date(s * 1000));
  const number = (value, digits) => value.toLocaleString(plan.lang, {
    minimumFractionDigits: digits || 0, maximumFractionDigits: digits || 0,
  });
  const mass = (kg) => (Math.round(kg) < 1000 ? number(kg) + "\u00a0kg" : number(kg / 1000, 1) + "\u00a0t");
  const metres = (m) => number(Math.max(5, Math.round(m / 5) * 5)) + "\u00a0m";
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const name in attributes || {}) {
      if (name === "onclick") made.addEventListener("click", attributes[name]);
      else if (name === "colour") made.style.setProperty("--colour", attributes[name]);
      else made.setAttribute(name, attributes[name]);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  };
  const undelta = (written) => {
    const points = [];
    for (let i = 0, x = 0, y = 0; i < written.length; i += 2) {
      x += written[i];
      y += written[i + 1];
      points.push(L.latLng(y / 1e6, x / 1e6));
    }
    return points;
  };

  // --- the base: roads, buildings, water, drawn into tiles ---------------------------------------------------------

  // World pixels at zoom 0, so that a tile only multiplies.
  const flat = (written) => {
    const points = new Float64Array(written.length);
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0, lon = 0, lat = 0; i < written.length; i += 2) {
      lon += written[i];
      lat += written[i + 1];
      const x = 256 * (lon / 1e6 / 360 + 0.5);
      const y = 128 - (128 / Math.PI) * Math.log(Math.tan(Math.PI / 4 + ((lat / 1e6) * Math.PI) / 360));
      points[i] = x;
      points[i + 1] = y;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    }
    return { points, box };
  };
  const boxOf = (things) => things.reduce(
    (box, thing) => [Math.min(box[0], thing.box[0]), Math.min(box[1], thing.box[1]), Math.max(box[2], thing.box[2]),
      Math.max(box[3], thing.box[3])], [Infinity, Infinity, -Infinity, -Infinity]);
  const base = {
    roads: plan.base.roads
      .map(([rank, name, line]) => ({ rank, name: plan.base.names[name], ...flat(line) }))
      .sort((a, b) => b.rank - a.rank),
    buildings: plan.base.buildings.map(flat),
    water: plan.base.water.map(flat),
    green: plan.base.green.map(flat),
  };
  // An extract ends somewhere: sea and woods are drawn as far as the streets go, as on a sheet of paper.
  const sheet = boxOf(base.roads.length ? base.roads : base.buildings);
  const ROAD_M = [15, 12, 10, 9, 7.5, 5, 2.5];
  const ROAD_PX = [3.2, 2.6, 2, 1.5, 1, 0.7, 0.5];
  const middle = L.latLng((plan.bounds[1] + plan.bounds[3]) / 2, (plan.bounds[0] + plan.bounds[2]) / 2);
  const pixelsPerMetre = (zoom) => (256 * 2 ** zoom) / (40075016 * Math.cos((middle.lat * Math.PI) / 180));
  const roadWidth = (rank, zoom) => Math.max(ROAD_PX[rank], ROAD_M[rank] * pixelsPerMetre(zoom));

  const Base = L.GridLayer.extend({
    createTile(coords) {
      const size = this.getTileSize().x;
      const dense = window.devicePixelRatio || 1;
      const tile = document.createElement("canvas");
      tile.width = tile.height = size * dense;
      const pen = tile.getContext("2d");
      const scale = 2 ** coords.z;
      const [left, top] = [coords.x * size, coords.y * size];
      pen.scale(dense, dense);
      const seen = (thing, pad) =>
        thing.box[2] * scale > left - pad && thing.box[0] * scale < left + size + pad &&
        thing.box[3] * scale > top - pad && thing.box[1] * scale < top + size + pad;
      pen.fillStyle = "#e4e1da";
      pen.fillRect(0, 0, size, size);
      pen.beginPath();
      pen.rect(sheet[0] * scale - left - 12, sheet[1] * scale - top - 12, (sheet[2] - sheet[0]) * scale + 24,
        (sheet[3] - sheet[1]) * scale + 24);
      pen.clip();
      pen.fillStyle = "#f3f1ec";
      pen.fillRect(0, 0, size, size);
      const trace = (thing) => {
        const p = thing.points;
        pen.moveTo(p[0] * scale - left, p[1] * scale - top);
        for (let i = 2; i < p.length; i += 2) pen.lineTo(p[i] * scale - left, p[i + 1] * scale - top);
      };
      const areas = (things, fill, edge) => {
        pen.beginPath();
        for (const thing of things) {
          if (seen(thing, 2)) {
            trace(thing);
            pen.closePath();
          }
        }
        pen.fillStyle = fill;
        pen.fill();
        if (edge) {
          pen.strokeStyle = edge;
          pen.lineWidth = 0.7;
          pen.stroke();
        }
      };
      areas(base.green, "#e1ead6");
      areas(base.water, "#cfe0ea");
      if (coords.z >= 14) areas(base.buildings, "#e4dfd6", coords.z >= 16 ? "#cdc6ba" : null);
      pen.lineCap = pen.lineJoin = "round";
      const roads = base.roads.filter((road) => (coords.z >= 13 || road.rank < 5) && seen(road, 30));
      for (const casing of [true, false]) {
        for (let rank = 6; rank >= 0; rank--) {
          const width = roadWidth(rank, coords.z);
          if (casing && width < 2) continue;
          pen.beginPath();
          for (const road of roads) if (road.rank === rank) trace(road);
          pen.lineWidth = casing ? width + 1.6 : width;
          pen.strokeStyle = casing ? "#bdb7ac" : width < 2 ? "#b9b3a8" : rank < 3 ? "#fff6dc" : "#ffffff";
          pen.stroke();
        }
      }
      return tile;
    },
  });
  new Base({ tileSize: 512, maxZoom: 20, minZoom: 9, keepBuffer: 1, updateWhenZooming: false }).addTo(map);

  // --- tours -------------------------------------------------------------------------------------------------------

  map.createPane("glow");
  map.createPane("annotations");
  const renderer = L.canvas({ padding: 0.3, tolerance: 7 });
  const glowRenderer = L.canvas({ pane: "glow", padding: 0.3 });

  // A line pushed to one side by pixels, so that the collected side shows at every zoom.
  const SidedLine = L.Polyline.extend({
    _project() {
      this.options.weight = this.options.weightAt(this._map.getZoom());
      L.Polyline.prototype._project.call(this);
    },
    _projectLatlngs(latlngs, result, bounds) {
      L.Polyline.prototype._projectLatlngs.call(this, latlngs, result, bounds);
      const ring = result[result.length - 1];
      const push = this.options.offsetAt(this._map.getZoom());
      if (!push || !ring || ring.length < 2) return;
      result[result.length - 1] = pushed(ring, push);
    },
  });
  const pushed = (ring, push) => {
    const kept = ring.filter((p, i) => i === 0 || p.x !== ring[i - 1].x || p.y !== ring[i - 1].y);
    if (kept.length < 2) return ring;
    const normals = [];
    for (let i = 1; i < kept.length; i++) {
      const [dx, dy] = [kept[i].x - kept[i - 1].x, kept[i].y - kept[i - 1].y];
      const length = Math.hypot(dx, dy);
      normals.push([-dy / length, dx / length]); // to the right of the way, as y grows downwards
    }
    const out = [];
    kept.forEach((p, i) => {
      const a = normals[Math.max(0, i - 1)];
      const b = normals[Math.min(normals.length - 1, i)];
      const dot = a[0] * b[0] + a[1] * b[1];
      if (dot < -0.3) {
        out.push(L.point(p.x + push * a[0], p.y + push * a[1]), L.point(p.x + push * b[0], p.y + push * b[1]));
      } else {
        const k = push / (1 + dot);
        out.push(L.point(p.x + k * (a[0] + b[0]), p.y + k * (a[1] + b[1])));
      }
    });
    return out;
  };
  const within = (low, value, high) => Math.max(low, Math.min(high, value));
  const sideWeight = (zoom) => within(2.4, 3 * pixelsPerMetre(zoom), 7);
  const sideOffset = (zoom) => within(1.8, 3.2 * pixelsPerMetre(zoom), 12);
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

  const ICONS = {
    reverse: "M12 3v8H4m0 0l4-4m-4 4l4 4",
    bin: "M3 4h10M5 4l1 9h4l1-9M6 2h4",
    unload: "M8 2v8m-4-3l4 4 4-4M3 14h10",
    house: "M2 8l6-5 6 5v6H2z",
    lost: "M4 4l8 8m0-8l-8 8",
  };
  const picture = (name) =>
    '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2.2" aria-hidden="true"><path d="' +
    ICONS[name] + '"/></svg>';
  const badge = (shape, inside, tour) => {
    const made = element("div", { class: "badge " + shape });
    if (tour) {
      made.style.setProperty("--colour", tour.colour);
      made.style.color = tour.ink;
    }
    made.innerHTML = inside; // only from ICONS and fixed letters
    return made;
  };
  const marker = (at, made, label, size) =>
    L.marker(at, {
      icon: L.divIcon({ className: "mark", html: made, iconSize: size || [22, 22] }),
      title: label, alt: label, keyboard: true, bubblingMouseEvents: false,
    });

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

  for (const place of plan.places) {
    const shape = place.kind === "depot" ? "house" : "unload";
    marker(L.latLng(place.at[1], place.at[0]), badge("house", picture(shape)), place.label, [28, 28])
      .bindTooltip(T("key_" + place.kind) + " : " + place.label).addTo(map);
  }
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

  // --- arrows, numbers and names over the lines ------------------------------------------------------------------------

  const Annotations = L.Layer.extend({
    onAdd(onMap) {
      this._canvas = L.DomUtil.create("canvas", "leaflet-zoom-hide", onMap.getPane("annotations"));
      onMap.on("moveend zoomend resize viewreset", this.draw, this);
      this.draw();
    },
    soon() {
      if (!this._waiting) this._waiting = requestAnimationFrame(() => { this._waiting = null; this.draw(); });
    },
    draw() {
      const size = map.getSize();
      const dense = window.devicePixelRatio || 1;
      const corner = map.containerPointToLayerPoint([0, 0]);
      L.DomUtil.setPosition(this._canvas, corner);
      this._canvas.width = size.x * dense;
      this._canvas.height = size.y * dense;
      this._canvas.style.width = size.x + "px";
      this._canvas.style.height = size.y + "px";
      const pen = this._canvas.getContext("2d");
      pen.scale(dense, dense);
      this._boxes = [];
      const zoom = map.getZoom();
      this._arrows(pen, corner, size, zoom);
      if (zoom >= 14) this._numbers(pen, corner, size, zoom);
      this._places(pen, size, zoom);
      if (zoom >= 15.5) this._names(pen, size, zoom);
    },
    // Whether nothing stands there yet; then it is taken. Slanted words take a chain of small boxes.
    _free(x, y, half, high, angle) {
      const boxes = [];
      const steps = angle ? Math.ceil(half / high) : 0;
      for (let i = -steps; i <= steps; i++) {
        const [cx, cy] = steps ? [x + (i / steps) * half * Math.cos(angle), y + (i / steps) * half * Math.sin(angle)] : [x, y];
        const wide = steps ? high : half;
        boxes.push([cx - wide, cy - high, cx + wide, cy + high]);
      }
      const taken = (box) => this._boxes.some((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1]);
      if (boxes.some(taken)) return false;
      this._boxes.push(...boxes);
      return true;
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
    _written(pen, words, x, y, angle, fill) {
      pen.save();
      pen.translate(x, y);
      pen.rotate(angle);
      pen.lineJoin = "round";
      pen.lineWidth = 3.2;
      pen.strokeStyle = "#fffffff0";
      pen.strokeText(words, 0, 0);
      pen.fillStyle = fill;
      pen.fillText(words, 0, 0);
      pen.restore();
    },
    _places(pen, size, zoom) {
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      for (const [words, rank, lon, lat] of [...plan.base.labels].sort((a, b) => a[1] - b[1])) {
        if (rank > zoom - 12) continue;
        const p = map.latLngToContainerPoint([lat / 1e6, lon / 1e6]);
        if (p.x < 0 || p.y < 0 || p.x > size.x || p.y > size.y) continue;
        pen.font = (rank ? "600 13px" : "700 16px") + " system-ui, Arial, sans-serif";
        if (this._free(p.x, p.y, pen.measureText(words).width / 2, 10)) this._written(pen, words, p.x, p.y, 0, "#55524a");
      }
    },
    _names(pen, size, zoom) {
      const scale = 2 ** zoom;
      const origin = map.getPixelBounds().min;
      const last = {};
      pen.font = (zoom >= 17 ? 12.5 : 11.5) + "px system-ui, Arial, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      for (const road of [...base.roads].reverse()) {
        if (!road.name || (zoom < 16.5 && road.rank > 4)) continue;
        if (road.box[2] * scale < origin.x || road.box[0] * scale > origin.x + size.x) continue;
        if (road.box[3] * scale < origin.y || road.box[1] * scale > origin.y + size.y) continue;
        const run = straightest(road.points, scale, origin, size);
        const width = pen.measureText(road.name).width;
        if (!run || run.length < width + 6) continue;
        const near = last[road.name];
        if (near && Math.hypot(near[0] - run.x, near[1] - run.y) < 300) continue;
        if (!this._free(run.x, run.y, width / 2, 7, run.angle || 0.001)) continue;
        last[road.name] = [run.x, run.y];
        this._written(pen, road.name, run.x, run.y, run.angle, "#3d3a33");
      }
    },
  });
  // The longest stretch of a road in view that is straight enough to write along.
  function straightest(points, scale, origin, size) {
    let best = null;
    let start = null;
    let heading = 0;
    for (let i = 0; i + 3 < points.length; i += 2) {
      const a = [points[i] * scale - origin.x, points[i + 1] * scale - origin.y];
      const b = [points[i + 2] * scale - origin.x, points[i + 3] * scale - origin.y];
      const now = Math.atan2(b[1] - a[1], b[0] - a[0]);
      const bend = Math.abs(((now - heading + 3 * Math.PI) % (2 * Math.PI)) - Math.PI);
      if (!start || bend > 0.5) {
        start = a;
        heading = now;
      }
      const length = Math.hypot(b[0] - start[0], b[1] - start[1]);
      const [x, y] = [(start[0] + b[0]) / 2, (start[1] + b[1]) / 2];
      if (x < 0 || y < 0 || x > size.x || y > size.y) continue;
      if (!best || length > best.length) {
        let angle = Math.atan2(b[1] - start[1], b[0] - start[0]);
        if (angle > Math.PI / 2) angle -= Math.PI;
        if (angle < -Math.PI / 2) angle += Math.PI;
        best = { x, y, length, angle };
      }
    }
    return best;
  }
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
    }, element("span", { class: "n" + (row.n ? "" : " none"), colour: tour.colour, style: "--ink-on:" + tour.ink }, row.n ? String(row.n) : "•"),
    what, element("span", { class: "at" }, clock(row.start))));
  };
  for (const tour of tours) {
    tour.box = element("input", { type: "checkbox", checked: "", "aria-label": T("show_tour", { tour: tour.name }) });
    tour.box.addEventListener("change", () => switchTour(tour, tour.box.checked));
    const crew = tour.loaders ? " + " + T(tour.loaders === 1 ? "one_loader" : "n_loaders", { n: tour.loaders }) : "";
    const people = (tour.driver || T("nobody")) + crew;
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
        element("b", {}, times(tour)), " · " + T("truck") + " " + tour.truck + " · " + people, element("br"),
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

  const line = (stroke, width, dash, y) =>
    '<line x1="2" x2="42" y1="' + y + '" y2="' + y + '" stroke="' + stroke + '" stroke-width="' + width + '"' +
    (dash ? ' stroke-dasharray="' + dash + '"' : "") + "/>";
  const drawing = (inside) => '<svg width="44" height="18" aria-hidden="true">' + inside + "</svg>";
  const markHtml = (made) => element("span", { class: "mark" }, made);
  const keyTour = tours.length ? tours[0] : { colour: "#0055cc", ink: "#fff" };
  const keyColour = keyTour.colour;
  const key = [
    [drawing(line("#fff", 9, "", 9) + line("#bbb", 1, "", 4) + line("#bbb", 1, "", 14) + line(keyColour, 4, "", 13)), "key_right"],
    [drawing(line(keyColour, 7, "", 9)), "key_both"],
    [drawing(line(keyColour, 2, "6 6", 9)), "key_drive"],
    [drawing(line(keyColour, 4, "1 7", 9).replace("/>", ' stroke-linecap="round"/>')), "key_foot"],
    [markHtml(badge("round", "12", keyTour)), "key_number"],
    [markHtml(badge("reverse", picture("reverse"))), "key_reversal"],
    [markHtml(badge("", "P", keyTour)), "key_presentation"],
    [markHtml(badge("round", picture("bin"), keyTour)), "key_drop_off"],
    [markHtml(badge("house", picture("unload"))), "key_site"],
    [markHtml(badge("house", picture("house"))), "key_depot"],
    [drawing(line(plan.unservedColour, 6, "", 9)), "key_unserved"],
  ];
  for (const [sample, words] of key) {
    const item = element("li", {});
    if (typeof sample === "string") item.innerHTML = sample; // only the drawings above
    else item.append(sample);
    item.append(T(words));
    document.querySelector("#key ul").append(item);
  }
  for (const flux of plan.flux) {
    document.querySelector("#key ul").append(element("li", {}, element("span", { class: "mark" }, swatch(flux)), flux.label));
  }
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

  L.control.zoom({ zoomInTitle: T("zoom_in"), zoomOutTitle: T("zoom_out") }).addTo(map);
  L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
  const credit = L.control.attribution({ prefix: false, position: "bottomright" });
  const made = element("a", { href: "https://www.openstreetmap.org/copyright", rel: "noreferrer" }, plan.attribution);
  credit.addAttribution(made.outerHTML).addTo(map);
  // Far out, marks are dots: forty reversals must not hide the streets.
  const far = () => map.getContainer().classList.toggle("far", map.getZoom() < 14.5);
  map.on("zoomend", far);
  map.fitBounds([[plan.bounds[1], plan.bounds[0]], [plan.bounds[3], plan.bounds[2]]], { paddingTopLeft: [16, 16], paddingBottomRight: [16, narrow.matches ? 76 : 66], animate: false }); // the clock's bar
  const asked = /^#(\d+(?:\.\d+)?)\/(-?\d+\.\d+)\/(-?\d+\.\d+)$/.exec(location.hash); // #zoom/lat/lon, as other maps have
  if (asked) map.setView([Number(asked[2]), Number(asked[3])], Number(asked[1]), { animate: false });
  far();
  annotations.addTo(map);
  if (tours.length) atTime();
  document.documentElement.dataset.ready = "yes";
}
