# SPDX-License-Identifier: Apache-2.0
import hashlib
import hmac
from dataclasses import FrozenInstanceError

import pytest

from dbx_otel.identity.headers import Forwarded
from dbx_otel.identity.model import NOBODY, from_forwarded, user_hash
from dbx_otel.settings import IdentityMode

KEY = b"0123456789abcdef"
ADA = Forwarded(
    user_id="123@456",
    email="Ada@Example.com",
    name="Ada",
    client_address="203.0.113.7",
    request_id="r-1",
    on_behalf_of=True,
    rejected=("x-real-ip:malformed",),
)
REST = {
    "databricks.request.id": "r-1",
    "databricks.on_behalf_of": True,
    "databricks.identity.rejected": ("x-real-ip:malformed",),
}


def test_full_carries_everything() -> None:
    identity = from_forwarded(ADA, IdentityMode.FULL, None)
    assert (identity.source, identity.client_address) == ("proxy_header", "203.0.113.7")
    assert dict(identity.user) == {"id": "123@456", "email": "Ada@Example.com", "name": "Ada"}
    assert dict(identity.attributes) == {
        "databricks.identity.source": "proxy_header",
        "user.id": "123@456",
        "user.email": "Ada@Example.com",
        "user.name": "Ada",
        "client.address": "203.0.113.7",
        **REST,
    }


def test_hash_carries_the_hash_alone() -> None:
    identity = from_forwarded(ADA, IdentityMode.HASH, KEY)
    digest = hmac.new(KEY, b"ada@example.com", hashlib.sha256).hexdigest()
    assert dict(identity.user) == {"hash": digest}
    assert dict(identity.attributes) == {
        "databricks.identity.source": "proxy_header",
        "user.hash": digest,
        "client.address": "203.0.113.7",
        **REST,
    }


@pytest.mark.parametrize(("mode", "key"), [(IdentityMode.OFF, None), (IdentityMode.OFF, KEY)])
def test_off_carries_neither_the_person_nor_the_address(mode: IdentityMode, key: bytes | None) -> None:
    identity = from_forwarded(ADA, mode, key)
    assert (dict(identity.user), identity.client_address) == ({}, None)
    assert dict(identity.attributes) == {"databricks.identity.source": "none", **REST}


def test_hash_without_a_key_carries_nobody() -> None:
    identity = from_forwarded(ADA, IdentityMode.HASH, None)
    assert dict(identity.user) == {}
    assert identity.source == "none"


@pytest.mark.parametrize("mode", IdentityMode)
def test_no_header_is_nobody(mode: IdentityMode) -> None:
    identity = from_forwarded(Forwarded(), mode, KEY)
    assert identity == NOBODY
    assert dict(identity.attributes) == {"databricks.identity.source": "none"}


def test_the_hash_is_of_the_email_then_the_id_then_the_name() -> None:
    def hashed(**parts: str) -> str:
        return from_forwarded(Forwarded(**parts), IdentityMode.HASH, KEY).user["hash"]  # type: ignore[arg-type]  # one of several types

    assert hashed(email="a@b", user_id="1", name="A") == user_hash("a@b", KEY)
    assert hashed(user_id="1", name="A") == user_hash("1", KEY)
    assert hashed(name="A") == user_hash("A", KEY)


def test_same_key_same_hash_other_key_other_hash() -> None:
    assert user_hash("ADA@example.com", KEY) == user_hash("ada@EXAMPLE.com", KEY)
    assert user_hash("ada@example.com", KEY) != user_hash("bob@example.com", KEY)
    assert user_hash("ada@example.com", KEY) != user_hash("ada@example.com", KEY + b"0")


def test_nothing_of_it_can_be_changed() -> None:
    identity = from_forwarded(ADA, IdentityMode.FULL, None)
    with pytest.raises(TypeError):
        identity.attributes["user.id"] = "other"  # type: ignore[index]  # that it cannot is tested
    with pytest.raises(TypeError):
        identity.user["id"] = "other"  # type: ignore[index]  # that it cannot is tested
    with pytest.raises(FrozenInstanceError):
        identity.source = "other"  # type: ignore[misc]  # that it cannot is tested
