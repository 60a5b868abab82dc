"""A small OpenID provider that keeps the rules: discovery, keys, codes used once, PKCE, the client's secret.

``ask`` plays the browser at the provider's page: whoever ``claims`` names is logged in there already.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


@dataclass
class Provider:
    """``spoil`` changes what is signed, to see that it is refused."""

    client_id: str = "ripeur"
    client_secret: str = "a secret & more"
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "7", "preferred_username": "anna", "groups": ["waste"]}
    )
    spoil: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"

    def __enter__(self) -> Provider:
        self.key = RSAKey.generate_key(2048, parameters={"kid": "k1", "use": "sig", "alg": "RS256"})
        self.signing: Any = self.key
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                provider.asked.append(self.path)
                found = {"/.well-known/openid-configuration": provider.addresses(), "/keys": provider.keys()}
                self.answer(200 if self.path in found else 404, found.get(self.path, {}))

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                given = {key: values[0] for key, values in parse_qs(body).items()}
                status, found = provider.token(given, self.headers.get("authorization", ""))
                self.answer(status, found)

            def answer(self, status: int, found: dict[str, Any]) -> None:
                body = json.dumps(found).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def addresses(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def keys(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def new_key(self) -> None:
        """The provider changes its key, as providers do."""
        self.key = self.signing = RSAKey.generate_key(2048, parameters={"kid": "k2", "use": "sig", "alg": "RS256"})

    def ask(self, address: str) -> str:
        """Where the browser is sent back to."""
        query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.issuer}/authorize?")
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, given: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint: a code is good once, for the client that it was made for, with the verifier."""
        query = self.codes.pop(given.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        known = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if (
            query is None
            or challenge.decode().rstrip("=") != query["code_challenge"]
            or given.get("redirect_uri") != query["redirect_uri"]
            or authorization != f"Basic {known}"
        ):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": self.client_id, "iat": now, "exp": now + 300, "nonce": query["nonce"],
            **self.claims, **self.spoil,
        }  # fmt: skip
        claims = {key: value for key, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "k1" if self.signing.kid == "k1" else self.signing.kid}
        token = jwt.encode(header, claims, self.signing, algorithms=[self.algorithm])
        return 200, {
            "access_token": secrets.token_urlsafe(),
            "token_type": "Bearer",
            "id_token": token,
            "expires_in": 300,
        }
