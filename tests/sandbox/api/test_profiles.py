"""Profiles and their identities."""

from __future__ import annotations

from typing import Any

from tests.sandbox.client import SandboxClient


def test_availability_says_whose_an_address_or_a_phone_is(api: SandboxClient) -> None:
    profile = api.profile(email="mia@example.com", mobile_phone="+61400000001")

    taken = api.post("/profiles/availability", {"email": "mia@example.com", "mobile_phone": "+61400000002"}).data
    phone = api.post("/profiles/availability", {"mobile_phone": "+61400000001"}).data

    assert taken["email"] == {"available": False, "profile": {"id": profile}}
    assert taken["mobile_phone"] == {"available": True, "profile": None}
    assert phone == {"email": None, "mobile_phone": {"available": False, "profile": {"id": profile}}}


def test_a_taken_address_or_phone_is_refused_in_the_words_that_the_sdk_reads(api: SandboxClient) -> None:
    api.profile(email="mia@example.com", mobile_phone="+61400000001")

    reply = api.post("/profiles", {"email": "mia@example.com", "mobile_phone": "+61400000001"})

    assert reply.status == 422
    assert reply.json["errors"] == {"email": ["The email exists."], "mobile_phone": ["The phone number exists."]}


def test_a_deleted_profile_takes_its_identities_and_benefits_and_leaves_its_orders(api: SandboxClient) -> None:
    profile = api.profile(identities=[{"handle": "shop", "identifier": "1001"}])
    benefit = api.issue(api.define(max_redemptions=2), profile)
    order = api.order(profile_id=profile, redemption_id=api.redeem(benefit).data["id"]).data

    removed = api.delete(f"/profiles/{profile}")

    gone = [f"/profiles/{profile}", f"/benefits/{benefit['id']}", f"/profiles/{profile}/benefits"]
    assert (removed.status, [api.get(path).status for path in gone]) == (204, [404, 404, 404])
    assert api.post("/profiles/search-id", {"type": "shop", "id": "1001"}).status == 404
    assert api.get(f"/transactions/{order['id']}").data["redemption"]["items"][0]["count"] == 1
    assert api.post("/profiles", {"identities": [{"handle": "shop", "identifier": "1001"}]}).status == 201


def test_an_identity_is_changed_by_handle_by_number_and_in_the_guides_way(api: SandboxClient) -> None:
    profile = api.profile()
    path = f"/profiles/{profile}/identities"
    shop, till = (api.post(path, {"handle": name, "identifier": "1"}).data for name in ("shop", "till"))

    by_handle = api.put(f"{path}/shop", {"identifier": "2"}).data
    by_number = api.put(f"{path}/id/{till['id']}", {"is_primary": True}).data
    in_the_guides_way = api.put(f"{path}/{shop['id']}", {"identifier": "3"}).data

    assert (by_handle["identifier"], by_number["is_primary"], in_the_guides_way["identifier"]) == ("2", True, "3")
    assert api.get(f"{path}/id/{shop['id']}").data == api.get(f"{path}/shop").data
    assert [api.delete(f"{path}/{key}").status for key in (shop["id"], "till", "till")] == [204, 204, 404]
    assert api.post(path, {"handle": "shop", "identifier": "1"}).status == 201


def test_a_handle_that_is_a_number_comes_before_the_number_of_an_identity(api: SandboxClient) -> None:
    path = f"/profiles/{api.profile()}/identities"
    first = api.post(path, {"handle": "2", "identifier": "a"}).data
    second = api.post(path, {"handle": "till", "identifier": "b"}).data

    changed = api.put(f"{path}/2", {"identifier": "c"}).data

    assert (second["id"], changed["id"]) == (2, first["id"])


def test_profiles_are_found_by_any_of_their_identities(api: SandboxClient) -> None:
    both = [{"handle": "shop", "identifier": "1001"}, {"handle": "till", "identifier": "9"}]
    mia, _other = api.profile(identities=both, tags=["vip"]), api.profile()

    queries: list[dict[str, Any]] = [
        {"filter[identities][identifier]": "1001"},
        {"filter[identities.identifier][in]": "7,9"},
        {"filter[tags]": "vip"},
    ]
    found = [[row["id"] for row in api.get("/profiles", **query).data] for query in queries]
    others = api.get("/profiles", **{"filter[identities.identifier][ne]": "9"}).data

    assert found == [[mia]] * 3
    assert mia not in [row["id"] for row in others]
