"use strict";
/* The sectors over the map that map.js has drawn without a tour (see area_map.py). */

function ripeurArea(map, shown) {
  const area = shown.area;
  const number = (value, digits) => value.toLocaleString(shown.lang, {
    minimumFractionDigits: digits || 0, maximumFractionDigits: digits || 0,
  });
  const T = (key, values) => area.texts[key].replace(/{(\w+)}/g, (_, name) => values[name]);
  const element = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const name in attributes || {}) made.setAttribute(name, attributes[name]);
    made.append(...children);
    return made;
  };
  const figures = (of) => ({ people: number(of.people), km: number(of.m / 1000, 1), tonnes: number(of.kg / 1000, 1) });

  map.createPane("sectors").style.zIndex = 420; // under the names of streets, over the base
  const renderer = L.canvas({ pane: "sectors", padding: 0.3, tolerance: 6 });
  const weight = (people) => Math.max(1.4, Math.min(10, (people ? 7 : 2.5) * 2 ** (map.getZoom() - 16.5) + (people ? 1.2 : 0.6)));
  const groups = area.sectors.map(() => L.layerGroup());
  const lines = [];
  for (const sector of area.sectors) sector.m = 0;
  for (const [index, name, people, kg, written] of area.streets) {
    const points = [];
    for (let i = 0, x = 0, y = 0; i < written.length; i += 2) {
      x += written[i];
      y += written[i + 1];
      points.push(L.latLng(y / 1e6, x / 1e6));
    }
    const sector = area.sectors[index];
    if (kg) for (let i = 1; i < points.length; i++) sector.m += points[i].distanceTo(points[i - 1]);
    const line = L.polyline(points, {
      renderer, color: sector.colour, opacity: kg ? 0.85 : 0.7, weight: weight(kg), dashArray: kg ? null : "3 5",
    });
    line.bindTooltip(() => element("div", {}, element("b", {}, name || shown.texts.no_name), element("br"),
      sector.name + (sector.days ? " · " + sector.days : ""), element("br"),
      kg ? T("street", { people: number(people), kg: number(kg) }) : T("empty")), { sticky: true });
    lines.push([line, kg]);
    groups[index].addLayer(line);
  }
  for (const group of groups) group.addTo(map);
  map.on("zoomend", () => lines.forEach(([line, kg]) => line.setStyle({ weight: weight(kg) })));

  const points = L.layerGroup().addTo(map);
  for (const [name, lon, lat] of area.dropOffPoints) {
    points.addLayer(L.circleMarker([lat, lon], {
      renderer, radius: 4, weight: 2.5, color: "#1d1d1b", fillColor: "#fff", fillOpacity: 1,
    }).bindTooltip(() => T("drop_off") + (name ? " : " + name : "")));
  }

  const sum = { people: 0, kg: 0, m: 0 };
  const list = document.getElementById("sectors");
  area.sectors.forEach((sector, index) => {
    for (const key in sum) sum[key] += sector[key];
    const box = element("input", { type: "checkbox", checked: "", "aria-label": T("show", { name: sector.name }) });
    const item = element("li", { class: "sector" }, element("label", {}, box, sector.name),
      element("div", { class: "days" }, sector.days || T("never")),
      element("small", {}, T("figures", figures(sector))));
    item.style.setProperty("--colour", sector.colour);
    box.addEventListener("change", () => {
      item.classList.toggle("off", !box.checked);
      if (box.checked) groups[index].addTo(map);
      else groups[index].remove();
    });
    list.append(item);
  });
  document.getElementById("area-sum").textContent = T("sum", { sectors: number(area.sectors.length), ...figures(sum) });

  const key = document.getElementById("area-key");
  const told = (sample, words) => key.append(element("li", {}, element("span", { class: "mark" }, sample), words));
  const ICONS = { depot: "M2 8l6-5 6 5v6H2z", site: "M8 2v8m-4-3l4 4 4-4M3 14h10" };
  for (const place of shown.places) {
    const badge = element("div", { class: "badge house" }, drawnPicture(ICONS[place.kind]));
    const kind = shown.texts["key_" + place.kind];
    told(badge, kind === place.label ? kind : kind + " : " + place.label);
  }
  if (area.dropOffPoints.length) told(element("span", { class: "dot" }), T("drop_off") + " (" + number(area.dropOffPoints.length) + ")");
  if (area.streets.some((street) => !street[3])) told(element("span", { class: "thin" }), T("empty"));
  document.documentElement.dataset.area = "yes";
}

document.addEventListener("DOMContentLoaded", () => {
  const shown = JSON.parse(document.getElementById("plan").textContent);
  ripeurArea(window[shown.area.map], shown);
});
