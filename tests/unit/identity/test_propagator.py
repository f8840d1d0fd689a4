# SPDX-License-Identifier: Apache-2.0
"""Identity out of every kind of carrier, and into none."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.instrumentation.asgi import asgi_getter
from opentelemetry.instrumentation.wsgi import wsgi_getter
from opentelemetry.propagators.textmap import Getter, default_getter
from starlette.datastructures import Headers
from tornado.httputil import HTTPHeaders

from dbx_otel import identity
from dbx_otel.identity.context import current, with_identity
from dbx_otel.identity.headers import ASGI_NAMES, WSGI_NAMES, add_field, read, values_of
from dbx_otel.identity.model import NOBODY, Identity, from_forwarded
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.identity.propagator import IdentityPropagator
from dbx_otel.settings import IdentityMode

KEY = b"0123456789abcdef"
TRUSTING = IdentityPropagator(IdentityPolicy(trusted=True, mode=IdentityMode.FULL))
PROPAGATORS = [
    TRUSTING,
    IdentityPropagator(IdentityPolicy(trusted=True, mode=IdentityMode.HASH, key=KEY)),
    IdentityPropagator(IdentityPolicy(trusted=True, mode=IdentityMode.OFF)),
    IdentityPropagator(IdentityPolicy(trusted=False, mode=IdentityMode.FULL)),
]
EMAIL = "žofie@example.com"
SENT = {"X-Forwarded-Email": EMAIL, "X-Real-Ip": "2001:db8::1", "X-Forwarded-Access-Token": "canary-of-a-token"}


class AiohttpLike:
    def __init__(self, raw_headers: Any) -> None:
        self.raw_headers = raw_headers


def asgi(headers: Mapping[str, str]) -> Any:
    return {"type": "http", "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()]}


def wsgi(headers: Mapping[str, str]) -> Any:
    fields = {f"HTTP_{n.upper().replace('-', '_')}": v.encode().decode("latin-1") for n, v in headers.items()}
    return {"wsgi.url_scheme": "http", **fields}


def aiohttp(headers: Mapping[str, str]) -> Any:
    return AiohttpLike(tuple((name.encode(), value.encode()) for name, value in headers.items()))


def tornado(headers: Mapping[str, str]) -> Any:
    return HTTPHeaders({name: value.encode().decode("latin-1") for name, value in headers.items()})


def starlette(headers: Mapping[str, str]) -> Any:
    return Headers(scope=asgi(headers))


CARRIERS = [
    (asgi, asgi_getter),
    (wsgi, wsgi_getter),
    (aiohttp, default_getter),
    (tornado, default_getter),
    (starlette, default_getter),
]


def extracted(propagator: IdentityPropagator, carrier: Any, getter: Getter[Any]) -> Identity:
    found = current(propagator.extract(carrier, Context(), getter))
    assert found is not None
    return found


@pytest.mark.parametrize(("make", "getter"), CARRIERS)
def test_every_carrier_gives_the_same(make: Any, getter: Getter[Any]) -> None:
    found = extracted(TRUSTING, make(SENT), getter)
    assert dict(found.attributes) == {
        "databricks.identity.source": "proxy_header",
        "user.email": EMAIL,
        "client.address": "2001:db8::1",
        "databricks.on_behalf_of": True,
    }
    assert "canary" not in repr(found)


@pytest.mark.parametrize(("make", "getter"), CARRIERS)
def test_untrusted_is_nobody(make: Any, getter: Getter[Any]) -> None:
    assert extracted(PROPAGATORS[3], make(SENT), getter) is NOBODY


def test_asgi_duplicates_are_seen() -> None:
    carrier = asgi(SENT)
    carrier["headers"].append((b"X-Forwarded-Email", b"eve@example.com"))
    assert dict(extracted(TRUSTING, carrier, asgi_getter).user) == {}


def test_a_request_without_a_person_is_not_that_of_the_one_before() -> None:
    before = with_identity(extracted(TRUSTING, asgi(SENT), asgi_getter), Context())
    assert current(TRUSTING.extract(asgi({}), before, asgi_getter)) == NOBODY
    assert current(PROPAGATORS[3].extract(asgi(SENT), before, asgi_getter)) == NOBODY


def test_extract_leaves_the_rest_of_the_context() -> None:
    context = TRUSTING.extract(asgi(SENT), Context({"other": 1}), asgi_getter)
    assert context["other"] == 1


@pytest.mark.parametrize("propagator", PROPAGATORS)
def test_inject_writes_nothing(propagator: IdentityPropagator) -> None:
    carrier: dict[str, str] = {}
    propagator.inject(carrier, with_identity(extracted(TRUSTING, asgi(SENT), asgi_getter), Context()))
    assert carrier == {}
    assert propagator.fields == set()


def test_of_request_is_nobody_before_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_propagator", None)
    assert identity.of_request(asgi(SENT), asgi_getter) is NOBODY
    identity.install(IdentityPolicy(trusted=True, mode=IdentityMode.FULL))
    assert identity.of_request(asgi(SENT), asgi_getter).user["email"] == EMAIL


class Raising(Getter[Any]):
    def get(self, _carrier: Any, _key: str) -> list[str] | None:
        raise RuntimeError

    def keys(self, _carrier: Any) -> list[str]:
        raise RuntimeError


class Odd(Getter[Any]):
    def __init__(self, returned: Any) -> None:
        self.returned = returned

    def get(self, _carrier: Any, _key: str) -> list[str] | None:
        return self.returned  # type: ignore[no-any-return]  # odd is the point

    def keys(self, _carrier: Any) -> list[str]:
        return []


class Hostile:
    @property
    def raw_headers(self) -> Any:
        raise RuntimeError

    def get(self, *_: Any) -> Any:
        raise RuntimeError


NAMES = st.sampled_from(
    ["x-forwarded-email", "x-forwarded-user", "x-real-ip", "x-forwarded-access-token", "x-request-id"]
)
TEXT = st.one_of(st.text(max_size=80), st.binary(max_size=80), st.sampled_from([EMAIL, "203.0.113.7"]))
GARBAGE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner), st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)
PAIRS = st.lists(st.one_of(st.tuples(NAMES.map(str.encode), st.one_of(TEXT, GARBAGE)), GARBAGE), max_size=6)
HOSTILE_CARRIERS = st.one_of(
    GARBAGE,
    st.builds(lambda headers: {"type": "http", "headers": headers}, st.one_of(PAIRS, GARBAGE)),
    st.dictionaries(NAMES.map(lambda n: f"HTTP_{n.upper().replace('-', '_')}"), st.one_of(TEXT, GARBAGE), max_size=5),
    st.dictionaries(NAMES, st.one_of(TEXT, st.lists(TEXT, max_size=3), GARBAGE), max_size=5),
    st.builds(AiohttpLike, st.one_of(PAIRS, GARBAGE)),
    st.builds(Hostile),
)
GETTERS = st.one_of(
    st.sampled_from([asgi_getter, wsgi_getter, default_getter]), st.builds(Raising), st.builds(Odd, GARBAGE)
)


@pytest.mark.parametrize("carrier", [{}, SENT, {"type": "order", "headers": []}, [("x-forwarded-email", EMAIL)], None])
def test_what_is_no_request_to_a_server_changes_nothing(carrier: Any) -> None:
    before = with_identity(NOBODY, Context())
    assert TRUSTING.extract(carrier, before, default_getter) is before
    assert current(TRUSTING.extract(carrier, Context(), default_getter)) is None


@given(st.sampled_from(PROPAGATORS), HOSTILE_CARRIERS, GETTERS)
def test_whatever_a_carrier_is_the_request_goes_on(
    propagator: IdentityPropagator, carrier: Any, getter: Getter[Any]
) -> None:
    found = current(propagator.extract(carrier, Context(), getter))
    if found is None:
        return  # no request to a server
    assert found.source in {"none", "proxy_header"}
    assert set(found.user) <= {"id", "email", "name", "hash"}
    for name, value in found.attributes.items():
        assert isinstance(name, str)
        # The types that OpenTelemetry takes as attribute values, without ever converting one.
        assert type(value) in {str, bool, tuple}
        assert not isinstance(value, tuple) or all(type(item) is str for item in value)
        assert name != "databricks.on_behalf_of" or value is True


FIELD = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.text(max_size=60),
    st.sampled_from([b"ada@example.com", b"1@1", b"203.0.113.7", b"r-1", b" padded ", b"a,b", b"x" * 2000]),
    st.lists(st.one_of(st.binary(max_size=20), GARBAGE), max_size=3),
    GARBAGE,
)


@given(st.sampled_from(PROPAGATORS), st.tuples(*[FIELD] * 6), st.sampled_from([ASGI_NAMES, WSGI_NAMES]))
def test_what_is_remembered_is_what_would_be_read(
    propagator: IdentityPropagator, values: tuple[Any, ...], names: tuple[Any, ...]
) -> None:
    fields = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    if propagator.policy.trusted:
        read_anew = from_forwarded(read(values_of(fields, names)), propagator.policy.mode, propagator.policy.key)
    else:
        read_anew = NOBODY
    for _ in range(2):
        assert propagator.identify_fields(fields, names) == read_anew


def test_people_are_remembered_but_neither_their_requests_nor_tokens() -> None:
    propagator = IdentityPropagator(IdentityPolicy(trusted=True, mode=IdentityMode.FULL))
    for number in range(3):
        fields = {
            b"x-forwarded-email": EMAIL.encode(),
            b"x-request-id": f"r-{number}".encode(),
            b"x-forwarded-access-token": f"canary-{number}".encode(),
        }
        found = propagator.identify_fields(fields, ASGI_NAMES)
        assert found.attributes["databricks.request.id"] == f"r-{number}"
        assert found.attributes["databricks.on_behalf_of"] is True
        assert "canary" not in repr(found)
    assert propagator._person.cache_info().currsize == 1


def test_the_memory_for_people_is_bounded() -> None:
    propagator = IdentityPropagator(IdentityPolicy(trusted=True, mode=IdentityMode.FULL))
    for number in range(1000):
        propagator.identify_fields({b"x-forwarded-email": f"p{number}@example.com".encode()}, ASGI_NAMES)
    assert propagator._person.cache_info().currsize == 512
    propagator._person.cache_clear()
    propagator.identify_fields({b"x-forwarded-email": b"x" * 100_000}, ASGI_NAMES)
    assert propagator._person.cache_info().currsize == 0


def test_headers_that_were_sent_twice_are_kept_apart() -> None:
    fields: dict[bytes, Any] = {}
    for value in (b"1", b"2", b"3"):
        add_field(fields, b"x", value)
    assert fields == {b"x": [b"1", b"2", b"3"]}
