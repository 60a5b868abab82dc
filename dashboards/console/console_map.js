"use strict";
/* The console's map: the street map (streetmap.js), the streets of today's tours in their state, trucks that move. */

const STATE_COLOURS = {
  light: {
    very_late: "#b3001b", late: "#c25a00", silent: "#6a3fa0", under_way: "#0b5f8a", on_time: "#0a7d55", not_started: "#7a8792",
    done: "#8d979f", served: "#9db4ab", partly: "#c25a00", missed: "#b3001b", way: "#0055cc", glow: "#ffd400",
  },
  dark: {
    very_late: "#ff6b79", late: "#ffb057", silent: "#c9a4ff", under_way: "#6cc3f2", on_time: "#5fd6a9", not_started: "#7d8892",
    done: "#6d767e", served: "#41594f", partly: "#ffb057", missed: "#ff6b79", way: "#7db4ff", glow: "#6b6215",
  },
};
const STATE_SIGNS = {
  very_late: "!!", late: "!", silent: "?", under_way: "▸", on_time: "▸", not_started: "○", done: "✓",
};

// sheet: what streetmap.js wants; on: {street(task), truck(id), incident(id)} are called when somebody picks one
function consoleMap(sheet, on) {
  const moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map("map", {
    zoomControl: false, attributionControl: false, preferCanvas: true, zoomAnimation: moves, fadeAnimation: moves,
    markerZoomAnimation: moves, inertia: moves, zoomSnap: 0.25, maxZoom: 20, minZoom: 9, center: [0, 0], zoom: 13,
  });
  const S = streetmap(map, sheet);
  let colours = STATE_COLOURS.light;
  let plan = { tours: [], tasks: {} };
  let picked = null; // a tour
  const stateOf = {}; // tour -> state
  const served = {}; // task -> [status, share, tour]
  const lines = new Map(); // task -> {line, points, tour}
  const trucks = new Map();
  const incidents = new Map();
  const group = L.layerGroup().addTo(map);
  const glow = L.layerGroup().addTo(map);
  const replay = L.layerGroup();
  new S.Lettering().addTo(map);
  S.frame([16, 16, 16, 16]);
  S.places(sheet.places);
  map.on("zoomstart", () => map.getContainer().classList.add("zooming"));
  map.on("zoomend", () => setTimeout(() => map.getContainer().classList.remove("zooming"), 120));
  const few = () => {
    map.getContainer().classList.toggle("few", map.getZoom() < 13 && trucks.size > 12);
    map.getContainer().classList.toggle("many", trucks.size > 60); // so many that glide at once make a small computer stutter
  };
  map.on("zoomend", few);

  // --- streets -----------------------------------------------------------------------------------------------------

  const look = (task) => {
    const known = lines.get(task);
    const [status] = served[task] || ["pending"];
    const faded = picked && known.tour !== picked;
    const style = { dashArray: null, opacity: 0.9, color: colours[stateOf[known.tour] || "not_started"] };
    if (status === "done") Object.assign(style, { color: colours.served, opacity: 1 });
    if (status === "partly") Object.assign(style, { color: colours.partly, dashArray: "9 5", opacity: 1 });
    if (status === "missed") Object.assign(style, { color: colours.missed, dashArray: "3 5", opacity: 1 });
    if (faded) style.opacity = 0.16;
    return style;
  };
  const showPlan = (given) => {
    plan = given;
    group.clearLayers();
    lines.clear();
    for (const [task, [name, side, kind, tour, written]] of Object.entries(given.tasks)) {
      const points = S.undelta(written);
      if (!points.length) continue;
      lines.set(task, { points, tour, name });
      const sign = { right: 1, left: -1 }[side] || 0;
      const common = { renderer: S.renderer, bubblingMouseEvents: false, ...look(task) };
      const line = points.length > 1
        ? new S.SidedLine(points, {
          ...common, weightAt: (z) => S.sideWeight(z) * (sign ? 0.9 : 1.4), offsetAt: (z) => sign * S.sideOffset(z) * 0.9,
        })
        : L.circleMarker(points[0], { ...common, radius: 5, weight: 3, fillColor: "#fff", fillOpacity: 0.9 });
      line.bindTooltip(() => name || S.T("no_name"), { sticky: true });
      line.on("click", () => on.street(task));
      lines.get(task).line = line;
      group.addLayer(line);
    }
  };
  const restyle = (tasks) => {
    for (const task of tasks) if (lines.has(task)) lines.get(task).line.setStyle(look(task));
  };
  const ofTours = (tours) => [...lines].filter(([, known]) => tours.has(known.tour)).map(([task]) => task);

  // --- trucks ------------------------------------------------------------------------------------------------------

  const showTruck = (id, truck, now) => {
    let known = trucks.get(id);
    if (!truck || truck.lat_deg === undefined || truck.lat_deg === null) {
      if (known) known.mark.remove();
      trucks.delete(id);
      return;
    }
    const at = [truck.lat_deg, truck.lon_deg];
    if (!known) {
      const name = S.element("span", { class: "name" }, id);
      const sign = S.element("span", { class: "letter", "aria-hidden": "true" });
      const way = S.element("i", { class: "way" });
      const box = S.element("div", { class: "badge truck" }, sign, name, way);
      const mark = L.marker(at, {
        icon: L.divIcon({ className: "mark moves", html: box, iconSize: [70, 26] }), title: id, alt: id, keyboard: true,
        bubblingMouseEvents: false, zIndexOffset: 500,
      }).addTo(map);
      mark.on("click", () => on.truck(id));
      mark.on("keypress", (event) => event.originalEvent.key === "Enter" && on.truck(id));
      known = { mark, box, sign, way };
      trucks.set(id, known);
      few();
    }
    known.truck = truck;
    known.mark.setLatLng(at);
    dress(id, now);
  };
  const dress = (id, now) => {
    const { box, sign, way, truck, mark } = trucks.get(id);
    const state = stateOf[truck.tour] || "none";
    const old = now - Date.parse(truck.at) > 120000;
    box.className = "badge truck s-" + state + (old ? " old" : "") + (picked && truck.tour === picked ? " picked" : "");
    sign.textContent = STATE_SIGNS[state] || "•";
    way.hidden = truck.heading_deg === undefined || old;
    if (!way.hidden) way.style.transform = "rotate(" + truck.heading_deg + "deg)";
    const words = id + " · " + (sheet.texts["s_" + state] || "");
    if (mark.getElement()) {
      mark.getElement().title = words;
      mark.getElement().setAttribute("aria-label", words);
    }
    mark.setZIndexOffset({ very_late: 900, late: 800, silent: 700 }[state] || 500);
  };

  // --- incidents ---------------------------------------------------------------------------------------------------

  const whereIs = (incident) => {
    if (incident.lat_deg !== null && incident.lat_deg !== undefined) return L.latLng(incident.lat_deg, incident.lon_deg);
    const known = lines.get(incident.task);
    return known ? known.points[Math.floor(known.points.length / 2)] : null;
  };
  const showIncident = (id, incident, words) => {
    if (incidents.has(id)) incidents.get(id).remove();
    const at = incident && whereIs(incident);
    if (!at) return;
    const mark = S.marker(at, S.badge("incident", "!"), words, [24, 24]).addTo(map);
    mark.setZIndexOffset(400);
    mark.on("click", () => on.incident(id));
    incidents.set(id, mark);
  };

  // --- looking at something ------------------------------------------------------------------------------------------

  const ring = (points, weight) => glow.addLayer(new S.SidedLine(points, {
    renderer: S.glowRenderer, pane: "glow", color: colours.glow, opacity: 0.95, interactive: false,
    weightAt: (z) => 2.2 * S.sideWeight(z) + weight, offsetAt: () => 0,
  }));
  const lookAtStreet = (task, moving) => {
    glow.clearLayers();
    const known = lines.get(task);
    if (!known) return;
    if (known.points.length > 1) ring(known.points, 8);
    if (moving) map.fitBounds(L.latLngBounds(known.points), { padding: [90, 90], maxZoom: 17, animate: moves });
  };
  const pick = (tour, moving) => {
    picked = tour;
    glow.clearLayers();
    restyle(lines.keys());
    for (const [id, known] of trucks) if (known.truck) dress(id, Date.parse(known.truck.at));
    const points = [...lines.values()].filter((known) => known.tour === tour).flatMap((known) => known.points);
    if (tour && moving && points.length) map.fitBounds(L.latLngBounds(points), { padding: [40, 40], maxZoom: 17, animate: moves });
    for (const known of lines.values()) if (known.tour === tour) known.line.bringToFront();
  };
  const lookAtTruck = (id) => trucks.has(id) && map.setView(trucks.get(id).mark.getLatLng(), Math.max(16, map.getZoom()), { animate: moves });
  const lookAtIncident = (incident) => whereIs(incident) && map.setView(whereIs(incident), Math.max(16.5, map.getZoom()), { animate: moves });
  const all = () => {
    const points = [...lines.values()].flatMap((known) => known.points).concat([...trucks.values()].map((t) => t.mark.getLatLng()));
    if (points.length) map.fitBounds(L.latLngBounds(points), { padding: [24, 24], maxZoom: 17, animate: moves });
  };

  // --- another day ---------------------------------------------------------------------------------------------------

  let past = null;
  const showReplay = (told) => {
    replay.clearLayers().addTo(map);
    for (const known of trucks.values()) known.mark.remove();
    const halo = { renderer: S.renderer, color: "#ffffff", opacity: 0.9, weight: 7, interactive: false };
    const ways = told.way.map((line) => line.map(([lon, lat]) => L.latLng(lat, lon)));
    const places = told.places.map((place) => L.latLng(place.lat_deg, place.lon_deg));
    for (const points of ways.length ? ways : [places]) {
      replay.addLayer(L.polyline(points, halo));
      replay.addLayer(L.polyline(points, { renderer: S.renderer, color: colours.way, weight: 4, opacity: 0.95, interactive: false }));
    }
    const mark = L.marker(places[0] || map.getCenter(), {
      icon: L.divIcon({ className: "mark", html: S.element("div", { class: "badge truck s-silent" }, told.truck), iconSize: [60, 26] }),
      keyboard: false, zIndexOffset: 1000,
    });
    replay.addLayer(mark);
    past = { mark, places };
    if (places.length) map.fitBounds(L.latLngBounds(places), { padding: [50, 70], maxZoom: 17, animate: false });
  };
  const replayAt = (index) => past && past.places[index] && past.mark.setLatLng(past.places[index]);
  const endReplay = () => {
    replay.remove();
    past = null;
    for (const known of trucks.values()) known.mark.addTo(map);
  };

  return {
    S, map, showPlan, lookAtStreet, pick, lookAtTruck, lookAtIncident, all, showTruck, showIncident, showReplay, replayAt, endReplay,
    resized: () => map.invalidateSize({ animate: false }),
    darken(dark) {
      colours = dark ? STATE_COLOURS.dark : STATE_COLOURS.light;
      S.darken(dark);
      restyle(lines.keys());
      map.fire("moveend");
    },
    setTours(changed, now) {
      const touched = new Set();
      for (const [id, tour] of Object.entries(changed)) {
        if (stateOf[id] === (tour && tour.state)) continue;
        stateOf[id] = tour ? tour.state : undefined;
        touched.add(id);
      }
      if (!touched.size) return;
      restyle(ofTours(touched));
      for (const [id, known] of trucks) if (touched.has(known.truck.tour)) dress(id, now);
    },
    setTasks(changed) {
      for (const [task, value] of Object.entries(changed)) {
        if (value) served[task] = value;
        else delete served[task];
      }
      restyle(Object.keys(changed));
    },
    forget() {
      for (const id of [...trucks.keys()]) showTruck(id, null);
      for (const mark of incidents.values()) mark.remove();
      incidents.clear();
      for (const key in served) delete served[key];
      for (const key in stateOf) delete stateOf[key];
      restyle(lines.keys());
    },
    ages: (now) => { for (const id of trucks.keys()) dress(id, now); },
  };
}
