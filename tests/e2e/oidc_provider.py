"""A real OpenID provider: `oidc-provider` from npm, and what clients do with it."""

from __future__ import annotations

import base64
import hashlib
import http.cookiejar
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from processes import Process
from stack import ROOT

JWT = "urn:tollgate:jwt"
"""The resource whose access tokens are JSON Web Tokens; it is their audience."""
OPAQUE = "urn:tollgate:opaque"
"""The resource whose access tokens say nothing: they are introspected."""

CALLBACK = "http://127.0.0.1/callback"


class OidcProvider:
    """One provider with the clients `machine` and `machine-2` (client credentials), `app` (authorization code), and
    `tollgate` and `tollgate-post`, which introspect."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._port = 0
        self.start()

    def start(self) -> None:
        """Starts it; after the first time at the same address, with other keys."""
        command = [str(ROOT / "scripts/oidc-provider"), str(self._port)]
        self.process = Process("oidc-provider", command, self.directory)
        # The first time it is installed.
        self.issuer = self.process.ready("listening", self._address, seconds=120)
        self._port = int(self.issuer.rpartition(":")[2])

    def _address(self) -> str | None:
        said = self.process.out.read_text()
        address = said.splitlines()[-1] if said.endswith("\n") else None
        return address if address and self._answers(address) else None

    def _answers(self, address: str) -> bool:
        try:
            with urllib.request.urlopen(f"{address}/.well-known/openid-configuration", timeout=5):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        self.process.stop()

    @staticmethod
    def secret(client: str) -> str:
        return f"secret-of-{client}"

    @property
    def jwks_uri(self) -> str:
        return f"{self.issuer}/jwks"

    @property
    def introspection_endpoint(self) -> str:
        return f"{self.issuer}/token/introspection"

    @property
    def userinfo_endpoint(self) -> str:
        return f"{self.issuer}/me"

    def client_credentials(self, resource: str = JWT, scope: str = "chat", client: str = "machine") -> str:
        """An access token for a program."""
        form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
        return str(self._token(form, client)["access_token"])

    def authorization_code(self, user: str, resource: str = JWT, scope: str = "openid email") -> dict[str, str]:
        """Signs a person in through the browser's redirects: `access_token`, `id_token` and what else there is. Without
        a resource (`""`) the access token is an opaque one, for the UserInfo endpoint."""
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        request = {
            "client_id": "app",
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": scope,
            "login_hint": user,
            "state": "of the tests",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if resource:
            request["resource"] = resource
        answer = self._follow(f"{self.issuer}/auth?{urllib.parse.urlencode(request)}")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        }
        if resource:
            form["resource"] = resource
        return self._token(form, "app")

    def revoke(self, token: str, client: str = "machine") -> None:
        self._post("/token/revocation", {"token": token}, client)

    def introspect(self, token: str, client: str = "tollgate") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._post("/token/introspection", {"token": token}, client))
        return found

    def rotate(self, *, keep: bool = False) -> None:
        """Signs with new keys from now on; publishes the old ones for as long as `keep` says."""
        self._control("rotate", {"keep": keep})

    def set(self, **settings: Any) -> None:
        """`seconds`: how long tokens live; `claims`: what they say beside the usual; `algorithm`: `RS256` or `ES256`;
        `fails`: the status every answer has, or None."""
        self._control("settings", settings)

    def _control(self, what: str, body: dict[str, Any]) -> None:
        with urllib.request.urlopen(f"{self.issuer}/-/{what}", json.dumps(body).encode(), timeout=30):
            pass

    def _token(self, form: dict[str, str], client: str) -> dict[str, str]:
        answer: dict[str, str] = json.loads(self._post("/token", form, client))
        return answer

    def _post(self, path: str, form: dict[str, str], client: str) -> bytes:
        basic = base64.b64encode(f"{client}:{self.secret(client)}".encode()).decode()
        body = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(f"{self.issuer}{path}", body, {"authorization": f"Basic {basic}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: bytes = response.read()
                return answer
        except urllib.error.HTTPError as refused:
            raise RuntimeError(f"{path}: {refused.code} {refused.read().decode()}") from refused

    def _follow(self, url: str) -> dict[str, str]:
        """What a browser does, up to the callback."""
        browser = urllib.request.build_opener(_Stay(), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        for _ in range(8):
            with browser.open(url, timeout=10) as response:
                url = urllib.parse.urljoin(url, response.headers["location"] or "")
                if url.startswith(CALLBACK):
                    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        raise RuntimeError(f"no way to the callback, last {url}")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are answers like others."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.status = code
        return fp

    http_error_303 = http_error_301 = http_error_307 = http_error_302
