"""Operators' bearer tokens: what each fault is called, and how often the issuer is asked for keys."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from milagro.errors import ConfigError, MilagroError, Unavailable
from milagro.roles.refusals import code_of
from milagro.roles.transport.config import OperatorsConfig
from milagro.roles.transport.keys_of_issuer import IssuerKeys, from_url, read_key_set
from milagro.roles.transport.operators import Authorizer
from tests.roles.stage import CONFIG, TRANSPORTS, Stage, make_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ISSUER, AUDIENCE, SCOPE = "https://login.test/", "milagro-dta-1", "milagro.operator"
KEYS = {
    "ES256": ECKey.generate_key("P-256", {"kid": "es"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rs"}),
}


def key_set(*keys: Any) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def token(algorithm: str = "ES256", key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "olivia", "scope": f"openid {SCOPE}", "exp": now + 60, **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    key = key or KEYS[algorithm]
    made = {"alg": algorithm, "kid": key.kid, **(header or {})}
    return jwt.encode(
        {name: value for name, value in made.items() if value is not None}, claims, key, algorithms=[algorithm]
    )


@pytest.fixture(params=TRANSPORTS)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(*KEYS.values()))
    operators = OperatorsConfig(ISSUER, AUDIENCE, SCOPE, path, "")
    made = make_stage(request.param, tmp_path, replace(CONFIG, operators=operators))
    yield made
    made.close()


def faulty() -> dict[str, tuple[Callable[[], str | None], str]]:
    now = int(time.time())
    stranger = ECKey.generate_key("P-256", {"kid": "es"})
    good = token()
    return {
        "none": (lambda: None, "token-missing"),
        "basic": (lambda: "Basic YTpi", "token-missing"),
        "empty": (lambda: "Bearer ", "token-missing"),
        "rubbish": (lambda: "Bearer rubbish", "token-malformed"),
        "dots": (lambda: "Bearer a.b.c", "token-malformed"),
        "long": (lambda: f"Bearer {'a' * 5000}.{'b' * 4000}.c", "token-malformed"),
        "unsigned": (lambda: "Bearer eyJhbGciOiJub25lIn0." + good.split(".")[1] + ".", "token-malformed"),
        "symmetric": (lambda: "Bearer " + token("HS256", OctKey.generate_key(256, {"kid": "es"})), "token-malformed"),
        "ID token's type": (lambda: "Bearer " + token(header={"typ": "logout+jwt"}), "token-malformed"),
        "no exp": (lambda: "Bearer " + token(exp=None), "token-malformed"),
        "no sub": (lambda: "Bearer " + token(sub=None), "token-malformed"),
        "scope of a number": (lambda: "Bearer " + token(scope=7), "token-malformed"),
        "other key": (lambda: "Bearer " + token(key=stranger), "token-forged"),
        "altered": (lambda: "Bearer " + good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"), "token-forged"),
        "unknown key": (lambda: "Bearer " + token(header={"kid": "other"}), "token-forged"),
        "other issuer": (lambda: "Bearer " + token(iss="https://evil.test/"), "token-issuer"),
        "other audience": (lambda: "Bearer " + token(aud=["milagro-dta-2"]), "token-audience"),
        "no audience": (lambda: "Bearer " + token(aud=None), "token-audience"),
        "over": (lambda: "Bearer " + token(exp=now - 60), "token-expired"),
        "not yet": (lambda: "Bearer " + token(nbf=now + 600, exp=now + 900), "token-not-yet-valid"),
        "no scope": (lambda: "Bearer " + token(scope=None), "token-scope"),
        "other scope": (lambda: "Bearer " + token(scope=f"{SCOPE}.read"), "token-scope"),
    }


def test_each_fault_has_its_own_refusal(stage: Stage) -> None:
    for name, (make, code) in faulty().items():
        header = make()
        answer = stage.send("Operator", None, {"authorization": header} if header else None)
        forbidden = code == "token-scope"
        wanted = {"http": (401, 403), "grpc": ("UNAUTHENTICATED", "PERMISSION_DENIED")}[stage.transport][forbidden]
        assert (answer.code, answer.status) == (code, wanted), name
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="milagro"')
        # RFC 6750, section 3.1: no error code where no token was shown
        expected = {"token-missing": None, "token-scope": "insufficient_scope"}.get(code, "invalid_token")
        assert (f'error="{expected}"' in challenge) if expected else "error" not in challenge
        assert answer.body.get("operator") is None


@pytest.mark.parametrize("algorithm", sorted(KEYS))
def test_a_good_token_opens_the_door(stage: Stage, algorithm: str) -> None:
    for made in (token(algorithm), token(algorithm, header={"typ": "at+jwt"}), token(algorithm, header={"kid": None})):
        answer = stage.send("Operator", None, {"authorization": f"Bearer {made}"})
        assert answer.body["operator"] == "olivia", answer
    assert stage.send("Operator", None, {"authorization": "bearer " + token(scope=None, scp=[SCOPE])}).code == "ok"
    assert stage.send("Public", None).body["operator"] is None


def test_no_token_is_written_anywhere(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    made = token(sub="olivia-the-operator")
    stage.send("Operator", None, {"authorization": f"Bearer {made}"})
    stage.send("Operator", None, {"authorization": f"Bearer {made}x"})
    said = capsys.readouterr()
    assert "olivia-the-operator" in said.out + said.err  # who did it is written
    for part in made.split("."):
        assert part not in said.out + said.err


class Issuer:
    """An issuer's key set over HTTP, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer = httpx.Response(200, content=key_set(KEYS["ES256"]))
        self.now = 1000.0
        transport = httpx.MockTransport(self._serve)
        self.keys = IssuerKeys(from_url("https://login.test/keys", transport), 300, lambda: self.now)
        config = OperatorsConfig(ISSUER, AUDIENCE, SCOPE, None, "https://login.test/keys")
        self.authorizer = Authorizer(config, self.keys)

    def _serve(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.answer

    def check(self, made: str) -> str:
        try:
            return self.authorizer.check(f"Bearer {made}").subject
        except MilagroError as error:
            return code_of(error)


def test_keys_are_kept_and_fetched_again_within_bounds() -> None:
    issuer = Issuer()
    assert [issuer.check(token()) for _ in range(5)] == ["olivia"] * 5
    assert issuer.asked == 1
    # A stranger's key ids make the server ask again, but not as often as they come.
    strange = token("Ed25519")
    assert {issuer.check(strange) for _ in range(50)} == {"token-forged"}
    assert issuer.asked == 1
    issuer.now += 11
    assert {issuer.check(strange) for _ in range(50)} == {"token-forged"}
    assert issuer.asked == 2
    # A new key is known as soon as a token names it; then the old one is gone.
    issuer.answer = httpx.Response(200, content=key_set(KEYS["Ed25519"]))
    issuer.now += 11
    assert issuer.check(strange) == "olivia"
    assert issuer.check(token()) == "token-forged"
    issuer.now += 301
    issuer.check(strange)
    assert issuer.asked == 4


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"location": "https://evil.test/"}),
        httpx.Response(200, content=b"x" * (1 << 19)),
        httpx.Response(200, content=b'{"keys": []}'),
        httpx.Response(200, content=b"[" * 100000),
    ],
)
def test_an_issuer_that_fails_is_survived(answer: httpx.Response) -> None:
    issuer = Issuer()
    assert issuer.check(token()) == "olivia"
    issuer.answer = answer
    issuer.now += 1000
    assert issuer.check(token()) == "olivia"
    fresh = Issuer()
    fresh.answer = answer
    with pytest.raises(Unavailable):
        fresh.authorizer.check(f"Bearer {token()}")


def test_a_key_set_gives_only_keys_that_are_fit() -> None:
    weak, secret = RSAKey.generate_key(1024), OctKey.generate_key(256)
    private = json.dumps({"keys": [KEYS["ES256"].as_dict(private=True)]}).encode()
    encryption = json.dumps({"keys": [{**KEYS["ES256"].as_dict(private=False), "use": "enc"}]}).encode()
    shared = json.dumps({"keys": [secret.as_dict(private=True)]}).encode()
    for octets in (
        key_set(weak),
        private,
        encryption,
        shared,
        b'{"keys": [{"kty": "EC"}]}',
        b'{"keys": 5}',
        b"{}",
        b"\xff",
    ):
        with pytest.raises(ConfigError):
            read_key_set(octets)
    assert len(read_key_set(key_set(*KEYS.values(), weak))) == 3


def test_a_critical_header_is_refused() -> None:
    issuer = Issuer()
    made = jws.serialize_compact(
        {"alg": "ES256", "kid": "es", "b64": True, "crit": ["b64"]}, b"{}", KEYS["ES256"], algorithms=["ES256"]
    )
    assert issuer.check(made) == "token-malformed"
    for payload in (b"[]", b"5", b"\xff", b"[" * 2000):
        made = jws.serialize_compact({"alg": "ES256", "kid": "es"}, payload, KEYS["ES256"], algorithms=["ES256"])
        assert issuer.check(made) == "token-malformed"
