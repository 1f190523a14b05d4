from __future__ import annotations

import base64
import time
from typing import Any

import jwt
import orjson
import pytest

from server.auth.tokens import TOKEN_MAX_CHARS, Tokens
from server.domain.errors import Refusal
from server.runtime.settings import Settings

SECRET = "a-secret-for-tests-that-is-long-enough-0123456789"
SESSION = "5e" * 32


def tokens_of(secret: str = SECRET, **overrides: Any) -> Tokens:
    return Tokens(Settings(jwt_secret_key=secret, **overrides))


def good_claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "beseda",
        "aud": "beseda",
        "sub": "alice",
        "sid": SESSION,
        "jti": "j1",
        "typ": "access",
        "iat": now,
        "exp": now + 3600,  # the table below is made when the tests are collected
    }


def signed(
    claims: dict[str, Any],
    header: dict[str, Any] | None = None,
    secret: str = SECRET,
    alg: str = "HS256",
) -> str:
    return jwt.encode(claims, secret, algorithm=alg, headers=header)


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [orjson.dumps(header), orjson.dumps(claims), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_an_issued_token_says_whose_session_it_is() -> None:
    claims = tokens_of().verify(tokens_of().issue("alice", SESSION))
    assert (claims.user_id, claims.session_hash) == ("alice", SESSION)
    assert 29 * 60_000 < claims.expires_at - time.time() * 1000 <= 30 * 60_000


def test_the_table_below_starts_from_a_token_that_is_good() -> None:
    assert tokens_of().verify(signed(good_claims())).user_id == "alice"


def without(name: str) -> dict[str, Any]:
    claims = good_claims()
    del claims[name]
    return claims


ATTACKS: dict[str, str] = {
    "empty": "",
    "no dots": "abc",
    "two dots": "..",
    "not base64": "a.b.c",
    "alg none": unsigned({"alg": "none", "typ": "JWT"}, good_claims()),
    "alg None": unsigned({"alg": "None", "typ": "JWT"}, good_claims()),
    "no alg": unsigned({"typ": "JWT"}, good_claims(), b"x" * 32),
    "alg a list": unsigned({"alg": ["HS256"]}, good_claims(), b"x" * 32),
    "no signature": signed(good_claims()).rpartition(".")[0] + ".",
    "other key": signed(good_claims(), secret="b" * 64),
    "HS384": signed(good_claims(), alg="HS384"),
    "HS512": signed(good_claims(), secret=SECRET * 2, alg="HS512"),
    "crit": signed(good_claims(), {"crit": ["exp"]}),
    "jku": signed(good_claims(), {"jku": "https://evil.example/keys"}),
    "jwk": signed(good_claims(), {"jwk": {"kty": "oct", "k": "AAAA"}}),
    "x5u": signed(good_claims(), {"x5u": "https://evil.example/cert"}),
    "kid": signed(good_claims(), {"kid": "../../dev/null"}),
    "zip": signed(good_claims(), {"zip": "DEF"}),
    "other header typ": signed(good_claims(), {"typ": "JWE"}),
    **{f"no {name}": signed(without(name)) for name in good_claims()},
    "wrong iss": signed({**good_claims(), "iss": "evil"}),
    "wrong aud": signed({**good_claims(), "aud": "evil"}),
    "aud a list": signed({**good_claims(), "aud": ["beseda", "evil"]}),
    "wrong typ": signed({**good_claims(), "typ": "reset"}),
    "sub not an id": signed({**good_claims(), "sub": "{0}alice"}),
    "sid not an id": signed({**good_claims(), "sid": "a:b"}),
    "exp a word": signed({**good_claims(), "exp": "never"}),
    "issued tomorrow": signed({**good_claims(), "iat": int(time.time()) + 86_400}),
    "not before tomorrow": signed({**good_claims(), "nbf": int(time.time()) + 86_400}),
    "one megabyte": signed({**good_claims(), "pad": "x" * 1_000_000}),
    "long of nothing": "a" * 1_000_000,
    "not ASCII": "токен.токен.токен",
    "deep JSON": unsigned({"alg": "HS256"}, {}) + "[" * 500,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_forged_or_foreign_token_is_refused(attack: str) -> None:
    with pytest.raises(Refusal) as refused:
        tokens_of().verify(ATTACKS[attack])
    assert refused.value.code == "unauthorized"
    assert refused.value.status == 401


def test_an_expired_token_says_so() -> None:
    old = {**good_claims(), "iat": 1, "exp": int(time.time()) - 1}
    with pytest.raises(Refusal) as refused:
        tokens_of().verify(signed(old))
    assert (refused.value.code, refused.value.status) == ("token_expired", 401)


def test_changing_one_claim_of_a_good_token_breaks_it() -> None:
    header, _, signature = tokens_of().issue("alice", SESSION).split(".")
    claims = orjson.dumps({**good_claims(), "sub": "mallory"})
    body = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
    with pytest.raises(Refusal):
        tokens_of().verify(f"{header}.{body}.{signature}")


def test_our_tokens_are_far_below_the_size_limit() -> None:
    assert len(tokens_of().issue(SESSION, "f" * 64)) < TOKEN_MAX_CHARS / 2


@pytest.mark.parametrize("secret", ["", "short", "changeme"])
def test_a_short_or_known_secret_stops_the_process(secret: str) -> None:
    with pytest.raises(ValueError, match="JWT_SECRET_KEY"):
        tokens_of(secret)


def test_a_token_that_was_good_before_is_known_again_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = tokens_of()
    token = tokens.issue("alice", SESSION)
    claims = tokens.verify(token)
    monkeypatch.setattr(jwt, "decode_complete", None)  # nobody looks at the signature again
    assert tokens.verify(token) == claims
    monkeypatch.setattr(time, "time", lambda: claims.expires_at / 1000)
    with pytest.raises(Refusal) as caught:
        tokens.verify(token)
    assert caught.value.code == "token_expired"


def test_a_process_remembers_only_so_many_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.auth.tokens.KNOWN_TOKENS", 3)
    tokens = tokens_of()
    issued = [tokens.issue(f"user{number}", SESSION) for number in range(5)]
    for token in (*issued, issued[0], issued[0]):
        tokens.verify(token)
    assert list(tokens._known) == [issued[3], issued[4], issued[0]]
