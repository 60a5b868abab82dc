"""Run for real: the systemd units as systemd reads them, and TLS by a real nginx with the documented configuration."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from depot_api.accounts import users
from depot_api.accounts.tokens import make_token
from depot_api.settings.file import read_depot_file
from depot_api.store.store import Store

from .people_depot import NOW, PASSWORD
from .services import DepotProcess, absent, free_port, wait_until

RUN = Path(__file__).parent.parent / "docs" / "run"
UNITS = sorted((RUN / "systemd").glob("*.service"))
MOST_EXPOSURE = 2.0
HOST = "depot.example.org"


# --- systemd ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units, starting a program that is there."""
    if shutil.which("systemd-analyze") is None:
        absent("systemd")
    folder = tmp_path_factory.mktemp("units")
    program = Path(sys.executable).parent / "ripeur"
    for path in (RUN / "systemd").iterdir():
        text = path.read_text(encoding="utf-8").replace("/opt/ripeur/bin/ripeur", str(program))
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder


def test_systemd_finds_nothing_wrong_with_the_units(units: Path) -> None:
    paths = sorted([*units.glob("*.service"), *units.glob("*.timer")])
    said = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    wrong = [line for line in (said.stdout + said.stderr).splitlines() if "ripeur" in line]
    assert not wrong
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("unit", [path.name for path in UNITS])
def test_a_unit_that_is_broken_into_can_do_little(units: Path, unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", units / unit]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"exposure level for \S+: (\d+\.\d)", said)
    if found is None:
        pytest.skip("this systemd-analyze judges no file")
    assert float(found[1]) <= MOST_EXPOSURE


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_gives_the_program_options_that_it_knows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    command = re.search(r"/opt/ripeur/bin/ripeur (\w+)", text)
    assert command is not None
    said = subprocess.run(
        [sys.executable, "-m", "ripeur", command[1], "--help"], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parent.parent,
    ).stdout  # fmt: skip
    line = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    for option in re.findall(r"(?<= )--[a-z-]+", line):
        assert option in said, f"{path.name}: {option}"
    assert ("Restart=always" in text) == ("Type=exec" in text)


def test_the_example_settings_are_settings(tmp_path: Path) -> None:
    shutil.copy(RUN / "depot.toml", tmp_path)
    for name in ("oidc-secret", "mail-secret"):
        (tmp_path / name).write_text("secret")
    found = read_depot_file(tmp_path / "depot.toml")
    assert found["terms"]["positions"] == 61
    assert found["oidc"].roles["works-council"] == "staff_representative"
    assert found["mail"].to == ("administrator@example.org",)


# --- TLS --------------------------------------------------------------------------------------------------------------


@dataclass
class Proxied:
    port: int
    plain_port: int
    trust: ssl.SSLContext
    token: str
    planner: str
    log: Path

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30)
        raw = socket.create_connection(("127.0.0.1", self.port), 30)
        connection.sock = self.trust.wrap_socket(raw, server_hostname=HOST)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Host": f"{HOST}:{self.port}", **given})
            answer = connection.getresponse()
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()


def certificate(folder: Path) -> Path:
    """A certificate of our own for the proxy, and its key, as nginx wants them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), False)
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "privkey.pem").write_bytes(private)
    return folder / "fullchain.pem"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """``ripeur serve`` behind nginx, configured by the documented file but for names, ports and paths."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        absent("nginx")
        raise AssertionError
    folder = tmp_path_factory.mktemp("proxy")
    chain = certificate(folder)
    url = f"sqlite:///{folder}/depot.db"
    with Store(url) as store:
        token, planner = make_token(store, "box", "T1"), make_token(store, "planner", "night")
        users.add_account(store, "anna", "administrator", password=PASSWORD, now=NOW)
    port, plain_port = free_port(), free_port()
    with DepotProcess(url) as depot:
        site = (RUN / "nginx.conf").read_text(encoding="utf-8")
        for old, new in {
            "listen 80;": f"listen 127.0.0.1:{plain_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "127.0.0.1:8000": f"127.0.0.1:{depot.port}",
            f"/etc/letsencrypt/live/{HOST}": str(folder),
            "/var/log/nginx": str(folder),
        }.items():
            assert old in site, old
            site = site.replace(old, new)
        (folder / "site.conf").write_text(site)
        parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{part}_temp_path {folder}/{part};" for part in parts)
        user = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
        (folder / "nginx.conf").write_text(
            f"{user} pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; events {{}}\n"
            f"http {{ {temporary} include {folder}/site.conf; }}\n"
        )
        command = [nginx, "-p", folder, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf", "-g", "daemon off;"]
        running = subprocess.Popen(command)

        def answers() -> bool:
            assert running.poll() is None, (folder / "error.log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_until(answers, "nginx")
            trust = ssl.create_default_context(cafile=str(chain))
            yield Proxied(port, plain_port, trust, token, planner, folder / "ripeur.log")
        finally:
            running.terminate()
            running.wait()


def test_a_box_delivers_over_tls(proxied: Proxied) -> None:
    fact = {"kind": "duty", "id": "01890000-0000-7000-8000-000000000001", "truck": "T1", "at": "2026-11-20T05:00:00Z",
            "state": "start"}  # fmt: skip
    status, body, _ = proxied.ask(
        "POST", "/facts", json.dumps([fact]).encode(), Authorization=f"Bearer {proxied.token}"
    )
    assert (status, json.loads(body)) == (200, {"stored": [fact["id"]], "refused": []})


def test_a_stranger_with_a_certificate_of_his_own_is_not_trusted(proxied: Proxied) -> None:
    with socket.create_connection(("127.0.0.1", proxied.port)) as raw, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname=HOST)


def test_a_login_behind_tls_gets_a_secure_cookie_and_may_change_things(proxied: Proxied) -> None:
    form = urlencode({"name": "anna", "password": PASSWORD}).encode()
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    origin = f"https://{HOST}:{proxied.port}"
    status, _, headers = proxied.ask("POST", "/login", form, Origin=origin, **kind)
    assert (status, headers["location"]) == (303, "/people")
    cookie = headers["set-cookie"]
    assert "secure" in cookie.lower()
    assert headers["strict-transport-security"]
    cookie = cookie.split(";")[0]
    csrf = json.loads(proxied.ask("GET", "/me", Cookie=cookie)[1])["csrf"]
    made = urlencode({"name": "ben", "role": "planner", "csrf": csrf}).encode()
    assert proxied.ask("POST", "/people", made, Origin="https://evil.example", Cookie=cookie, **kind)[0] == 403
    assert proxied.ask("POST", "/people", made, Origin=origin, Cookie=cookie, **kind)[0] == 200


def test_the_console_hears_at_once_through_the_proxy(proxied: Proxied) -> None:
    raw = socket.create_connection(("127.0.0.1", proxied.port), 10)
    with proxied.trust.wrap_socket(raw, server_hostname=HOST) as stream:
        head = f"GET /live/stream HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {proxied.planner}\r\n\r\n"
        stream.sendall(head.encode())
        heard = b""
        while b"event: live" not in heard:
            heard += stream.recv(65_536) or pytest.fail(heard.decode())
    assert b"text/event-stream" in heard.lower()


def test_plain_http_is_sent_to_tls(proxied: Proxied) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxied.plain_port, timeout=10)
    connection.request("GET", "/console?day=1", headers={"Host": HOST})
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["location"]) == (301, f"https://{HOST}/console?day=1")


def test_nobody_escapes_the_throttle_by_claiming_other_addresses(proxied: Proxied) -> None:
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    form = urlencode({"name": "anna", "password": "a wrong password"}).encode()
    statuses = [proxied.ask("POST", "/login", form, X_Forwarded_For=f"10.0.0.{i}", **kind)[0] for i in range(7)]
    assert statuses == [401] * 5 + [429] * 2


def test_the_proxy_logs_an_id_that_the_depot_uses_too_and_neither_places_nor_tokens(proxied: Proxied) -> None:
    _, _, headers = proxied.ask("GET", f"/phones/traccar?id={proxied.token}&lat=43.7384&lon=7.4246")
    wait_until(lambda: headers["x-request-id"] in proxied.log.read_text(), "the proxy's log")
    log = proxied.log.read_text()
    assert "43.7384" not in log
    assert proxied.token not in log
    assert PASSWORD not in log
