"""Who may come in: tokens and sessions, roles, forged requests, and where a browser is sent."""

from __future__ import annotations

import pytest
from fastapi import Depends, FastAPI

from depot_api.access.authorization import allow
from depot_api.settings.roles import Caller

from .asking import Asking
from .people_depot import PASSWORD, Scene, csrf_in, log_in, scene

__all__ = ["scene"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic VDE6eA==", "Bearer \u00e9" * 3])
def test_an_unknown_token_is_nobody(scene: Scene, header: str) -> None:
    answer = scene.nobody().get("/me", headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_of_a_role_that_may_not_is_answered_403(scene: Scene) -> None:
    answer = scene.machine("box").get("/metrics")
    assert (answer.status_code, answer.json()["detail"]) == (403, "not for the role box")


def test_a_browser_that_wants_a_page_is_sent_to_the_login_and_back(scene: Scene) -> None:
    answer = scene.nobody().get("/looks?before=7", headers={"accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/looks%3Fbefore%3D7"


def test_a_wrong_token_is_not_made_good_by_a_cookie(scene: Scene) -> None:
    planner = scene.person("planner")
    assert planner.get("/me").status_code == 200
    assert planner.get("/me", headers={"authorization": "Bearer wrong"}).status_code == 401


def test_a_change_needs_the_csrf_token_of_this_very_session(scene: Scene) -> None:
    chief, other = scene.person("administrator"), scene.person("administrator")
    form = {"name": "eve", "role": "planner", "bound_to": ""}
    chiefs_token = chief.client.pop("headers")["x-csrf-token"]
    assert chief.post("/people", data=form).status_code == 403
    assert chief.post("/people", data={**form, "csrf": "guess"}).status_code == 403
    assert chief.post("/people", data=form, headers=other.client["headers"]).status_code == 403
    assert chief.post("/people", data={**form, "csrf": chiefs_token}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_another_sites_page_changes_nothing_even_with_the_csrf_token(scene: Scene, headers: dict[str, str]) -> None:
    chief = scene.person("administrator")
    form = {"name": "eve", "role": "planner"}
    assert chief.post("/people", data=form, headers=chief.client["headers"] | headers).status_code == 403
    same = {"origin": "http://depot", "sec-fetch-site": "same-origin"}
    assert chief.post("/people", data=form, headers=chief.client["headers"] | same).status_code == 200


def test_another_sites_page_logs_nobody_in(scene: Scene) -> None:
    scene.person("planner")
    form = {"name": "a.planner", "password": PASSWORD}
    answer = scene.nobody().post("/login", data=form, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_a_pages_own_form_carries_the_token(scene: Scene) -> None:
    asking = scene.person("staff_representative")
    del asking.client["headers"]
    page = asking.get("/looks").text
    assert asking.post("/logout", data={"csrf": csrf_in(page)}).status_code == 303
    assert asking.get("/looks").status_code == 401


def test_a_route_may_ask_who_calls(scene: Scene) -> None:
    @scene.app.get("/mine")
    def mine(who: Caller = Depends(allow("contractor"))) -> dict[str, bool]:  # noqa: B008
        return {truck: who.is_for(truck) for truck in ("T1", "T8")}

    assert scene.person("contractor").get("/mine").json() == {"T1": False, "T8": True}


def test_a_role_that_is_none_is_found_when_the_program_starts() -> None:
    with pytest.raises(ValueError, match="plannner"):
        allow("plannner")


def test_a_box_speaks_for_its_truck_alone_and_only_of_what_it_sees() -> None:
    box = Caller("box", "T1", ("T1",))
    assert box.why_not("position", "T1") is None
    assert "T2" in str(box.why_not("position", "T2"))
    assert "not reported by a box" in str(box.why_not("weighing", "T1"))
    assert Caller("bridge", "S1", ("S1",)).why_not("weighing", "S1") is None
    assert Caller("planner", "night").why_not("message", "T5") is None
    assert Caller("planner", "night").why_not("outcome", "T5") is not None


def test_only_what_is_public_is_open(scene: Scene) -> None:
    for path in ("/login", "/privacy", "/privacy.json", "/people.css"):
        assert scene.nobody().get(path).status_code == 200, path


def test_no_page_of_ours_may_run_a_script_or_be_framed(scene: Scene) -> None:
    for path in ("/login", "/privacy"):
        headers = scene.nobody().get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_two_languages_are_chosen_by_the_address_the_choice_before_and_the_browser(scene: Scene) -> None:
    asking = scene.nobody()
    assert "Connexion" in asking.get("/login").text
    assert "Log in" in asking.get("/login", headers={"accept-language": "en-GB,fr;q=0.5"}).text
    assert "Log in" in asking.get("/login?lang=en").text
    assert "Log in" in asking.get("/login").text  # remembered


def test_an_app_without_people_refuses_everybody(scene: Scene) -> None:
    app = FastAPI()
    app.state.depot = scene.app.state.depot

    @app.get("/x", dependencies=[Depends(allow("planner"))])
    def x() -> dict[str, str]:
        return {}

    assert Asking(app).get("/x").status_code == 401
    asking = Asking(app)
    assert log_in(scene.nobody(), "nobody", PASSWORD).status_code == 401
    assert asking.get("/x", headers={"cookie": "ripeur_session=x"}).status_code == 401
