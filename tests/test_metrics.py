"""/metrics: what Prometheus reads, and what is not in it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from depot_api.store.store import NewFact

from .people_depot import Scene, scene

__all__ = ["scene"]


def read(scene: Scene) -> dict[str, float]:
    text = scene.machine("monitor").get("/metrics").text
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_never_by_address(scene: Scene) -> None:
    asking = scene.person("administrator")
    asking.post("/people/somebody", data={"do": "disable"})
    asking.get("/looks.json?before=5")
    scene.nobody().get("/no/such/page")
    scene.nobody().request("BREW", "/privacy")
    found = read(scene)
    assert found["ripeur_requests_total POST /people/{name} 400"] == 1
    assert found["ripeur_requests_total GET /looks.json 200"] == 1
    assert found["ripeur_requests_total GET (none) 404"] == 1
    assert found["ripeur_requests_total OTHER /privacy 405"] == 1
    assert found["ripeur_request_seconds_count /looks.json"] == 1
    assert not any("somebody" in name or "such" in name or "before" in name for name in found)


def test_the_stores_own_counts_are_there(scene: Scene) -> None:
    row = NewFact(bytes(16), "position", "T1", 1, 1, "{}")
    scene.store.add([row])
    scene.store.add([row])
    found = read(scene)
    assert found["ripeur_facts_total new"] == 1
    assert found["ripeur_facts_total known"] == 1
    assert found["ripeur_store_up"] == 1
    assert found["ripeur_facts_last_seq"] >= 1
    assert found["ripeur_facts_waiting"] == 0
    assert not any("T1" in name for name in found)
    assert found["process_resident_memory_bytes"] > 0


def test_a_monitors_token_opens_nothing_else(scene: Scene) -> None:
    monitor = scene.machine("monitor")
    assert monitor.get("/metrics").status_code == 200
    assert monitor.get("/looks").status_code == 403
    assert scene.person("administrator").get("/metrics").status_code == 200
    assert scene.nobody().get("/metrics").status_code == 401


def test_two_depots_in_one_process_count_apart(scene: Scene) -> None:
    from .people_depot import people_app

    scene.nobody().get("/privacy.json")
    other = people_app(scene.store, scene.clock)
    scene.app, before = other, scene.app
    assert "ripeur_requests_total GET /privacy.json 200" not in read(scene)
    scene.app = before
    assert read(scene)["ripeur_requests_total GET /privacy.json 200"] == 1
