"use strict";
/* What the plan's map and the depot's console draw alike: the area's own roads and buildings, lines pushed to the
   collected side, marks, the names of streets, the frame. No request, no library but Leaflet.

   sheet: {texts, lang, timezone, bounds: [west, south, east, north], keepLeft, attribution,
           base: {names, roads, buildings, water, green, labels}} as dashboards/shared/streetmap.py writes it. */

const PAPERS = {
  light: {
    beyond: "#e4e1da", sheet: "#f3f1ec", green: "#e1ead6", water: "#cfe0ea", building: "#e4dfd6", wall: "#cdc6ba",
    kerb: "#bdb7ac", lane: "#b9b3a8", artery: "#fff6dc", road: "#ffffff", halo: "#fffffff0", place: "#55524a", name: "#3d3a33",
  },
  dark: {
    beyond: "#101316", sheet: "#181c20", green: "#1b2520", water: "#16242e", building: "#22272c", wall: "#2f353b",
    kerb: "#0f1214", lane: "#3a4147", artery: "#4a4a3f", road: "#3a4046", halo: "#14181cf0", place: "#b8b4aa", name: "#c9c5ba",
  },
};

// Names are text, whoever gave them: Leaflet reads a tooltip's or a popup's string as markup, and no page of ours means any.
const contentOf = L.DivOverlay.prototype.setContent;
const asText = (content) => (typeof content === "string" ? document.createTextNode(content) : content);
L.DivOverlay.include({
  setContent(content) {
    return contentOf.call(this, typeof content === "function" ? (layer) => asText(content(layer)) : asText(content));
  },
});
const svg = (tag, attributes, ...children) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  made.append(...children);
  return made;
};
// A small picture drawn with one line.
const drawnPicture = (path) => svg("svg", {
  viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": "2.2", "aria-hidden": "true",
}, svg("path", { d: path }));

function streetmap(map, sheet) {
  let paper = PAPERS.light;
  const T = (key, values) => {
    let found = sheet.texts[key];
    for (const name in values || {}) found = found.replace("{" + name + "}", () => values[name]);
    return found;
  };
  const clockFormat = new Intl.DateTimeFormat(sheet.lang, {
    timeZone: sheet.timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const clock = (s) => clockFormat.format(new Date(s * 1000));
  const number = (value, digits) => value.toLocaleString(sheet.lang, {
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
      else if (name === "ink") made.style.setProperty("--ink-on", attributes[name]);
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
    roads: sheet.base.roads
      .map(([rank, name, line]) => ({ rank, name: sheet.base.names[name], ...flat(line) }))
      .sort((a, b) => b.rank - a.rank),
    buildings: sheet.base.buildings.map(flat),
    water: sheet.base.water.map(flat),
    green: sheet.base.green.map(flat),
  };
  // An extract ends somewhere: sea and woods are drawn as far as the streets go, as on a sheet of paper.
  const edge = boxOf(base.roads.length ? base.roads : base.buildings);
  const ROAD_M = [15, 12, 10, 9, 7.5, 5, 2.5];
  const ROAD_PX = [3.2, 2.6, 2, 1.5, 1, 0.7, 0.5];
  const middle = L.latLng((sheet.bounds[1] + sheet.bounds[3]) / 2, (sheet.bounds[0] + sheet.bounds[2]) / 2);
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
      pen.fillStyle = paper.beyond;
      pen.fillRect(0, 0, size, size);
      pen.beginPath();
      pen.rect(edge[0] * scale - left - 12, edge[1] * scale - top - 12, (edge[2] - edge[0]) * scale + 24,
        (edge[3] - edge[1]) * scale + 24);
      pen.clip();
      pen.fillStyle = paper.sheet;
      pen.fillRect(0, 0, size, size);
      const trace = (thing) => {
        const p = thing.points;
        pen.moveTo(p[0] * scale - left, p[1] * scale - top);
        for (let i = 2; i < p.length; i += 2) pen.lineTo(p[i] * scale - left, p[i + 1] * scale - top);
      };
      const areas = (things, fill, outline) => {
        pen.beginPath();
        for (const thing of things) {
          if (seen(thing, 2)) {
            trace(thing);
            pen.closePath();
          }
        }
        pen.fillStyle = fill;
        pen.fill();
        if (outline) {
          pen.strokeStyle = outline;
          pen.lineWidth = 0.7;
          pen.stroke();
        }
      };
      areas(base.green, paper.green);
      areas(base.water, paper.water);
      if (coords.z >= 14) areas(base.buildings, paper.building, coords.z >= 16 ? paper.wall : null);
      pen.lineCap = pen.lineJoin = "round";
      const roads = base.roads.filter((road) => (coords.z >= 13 || road.rank < 5) && seen(road, 30));
      for (const casing of [true, false]) {
        for (let rank = 6; rank >= 0; rank--) {
          const width = roadWidth(rank, coords.z);
          if (casing && width < 2) continue;
          pen.beginPath();
          for (const road of roads) if (road.rank === rank) trace(road);
          pen.lineWidth = casing ? width + 1.6 : width;
          pen.strokeStyle = casing ? paper.kerb : width < 2 ? paper.lane : rank < 3 ? paper.artery : paper.road;
          pen.stroke();
        }
      }
      return tile;
    },
  });
  const ground = new Base({ tileSize: 512, maxZoom: 20, minZoom: 9, keepBuffer: 1, updateWhenZooming: false }).addTo(map);

  // --- lines and marks ----------------------------------------------------------------------------------------------

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

  const ICONS = {
    reverse: "M12 3v8H4m0 0l4-4m-4 4l4 4",
    bin: "M3 4h10M5 4l1 9h4l1-9M6 2h4",
    unload: "M8 2v8m-4-3l4 4 4-4M3 14h10",
    house: "M2 8l6-5 6 5v6H2z",
    lost: "M4 4l8 8m0-8l-8 8",
  };
  const picture = (name) => drawnPicture(ICONS[name]);
  const badge = (shape, inside, tour) => {
    const made = element("div", { class: "badge " + shape });
    if (tour) {
      made.style.setProperty("--colour", tour.colour);
      made.style.color = tour.ink;
    }
    made.append(inside);
    return made;
  };
  const marker = (at, made, label, size) =>
    L.marker(at, {
      icon: L.divIcon({ className: "mark", html: made, iconSize: size || [22, 22] }),
      title: label, alt: label, keyboard: true, bubblingMouseEvents: false,
    });

  // --- names over the lines; a page draws its own over them first (`_first`) ------------------------------------------

  const Lettering = L.Layer.extend({
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
      this._first(pen, corner, size, zoom);
      this._places(pen, size, zoom);
      if (zoom >= 15.5) this._names(pen, size, zoom);
    },
    _first() {},
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
    _written(pen, words, x, y, angle, fill) {
      pen.save();
      pen.translate(x, y);
      pen.rotate(angle);
      pen.lineJoin = "round";
      pen.lineWidth = 3.2;
      pen.strokeStyle = paper.halo;
      pen.strokeText(words, 0, 0);
      pen.fillStyle = fill;
      pen.fillText(words, 0, 0);
      pen.restore();
    },
    _places(pen, size, zoom) {
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      for (const [words, rank, lon, lat] of [...sheet.base.labels].sort((a, b) => a[1] - b[1])) {
        if (rank > zoom - 12) continue;
        const p = map.latLngToContainerPoint([lat / 1e6, lon / 1e6]);
        if (p.x < 0 || p.y < 0 || p.x > size.x || p.y > size.y) continue;
        pen.font = (rank ? "600 13px" : "700 16px") + " system-ui, Arial, sans-serif";
        if (this._free(p.x, p.y, pen.measureText(words).width / 2, 10)) this._written(pen, words, p.x, p.y, 0, paper.place);
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
        this._written(pen, road.name, run.x, run.y, run.angle, paper.name);
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

  // --- frame -------------------------------------------------------------------------------------------------------------

  // padding: [left, top, right, bottom] that other things on the page cover
  const frame = (padding) => {
    L.control.zoom({ zoomInTitle: T("zoom_in"), zoomOutTitle: T("zoom_out") }).addTo(map);
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(map);
    const credit = L.control({ position: "bottomright" }); // Leaflet's own takes markup
    credit.onAdd = () => element("div", { class: "leaflet-control-attribution" },
      element("a", { href: "https://www.openstreetmap.org/copyright", rel: "noreferrer" }, sheet.attribution));
    credit.addTo(map);
    // Far out, marks are dots: forty reversals must not hide the streets.
    const far = () => map.getContainer().classList.toggle("far", map.getZoom() < 14.5);
    map.on("zoomend", far);
    const [west, south, east, north] = sheet.bounds;
    map.fitBounds([[south, west], [north, east]], {
      paddingTopLeft: padding.slice(0, 2), paddingBottomRight: padding.slice(2), animate: false,
    });
    const asked = /^#(\d+(?:\.\d+)?)\/(-?\d+\.\d+)\/(-?\d+\.\d+)$/.exec(location.hash); // #zoom/lat/lon, as other maps have
    if (asked) map.setView([Number(asked[2]), Number(asked[3])], Number(asked[1]), { animate: false });
    far();
  };
  const places = (found) => {
    for (const place of found) {
      const shape = place.kind === "depot" ? "house" : "unload";
      marker(L.latLng(place.at[1], place.at[0]), badge("house", picture(shape)), place.label, [28, 28])
        .bindTooltip(T("key_" + place.kind) + " : " + place.label).addTo(map);
    }
  };
  const darken = (dark) => {
    paper = dark ? PAPERS.dark : PAPERS.light;
    ground.redraw();
  };
  return {
    T, clock, number, mass, metres, sum, element, undelta, within, pixelsPerMetre, renderer, glowRenderer, SidedLine,
    sideWeight, sideOffset, picture, badge, marker, Lettering, frame, places, darken,
  };
}
