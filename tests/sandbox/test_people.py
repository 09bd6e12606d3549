"""Profiles and their identities."""

from __future__ import annotations

from typing import Any

from tests.sandbox.world import SandboxClient


def test_availability_says_whose_an_address_or_a_phone_is(world: SandboxClient) -> None:
    profile = world.profile(email="mia@example.com", mobile_phone="+61400000001")

    taken = world.post("/profiles/availability", {"email": "mia@example.com", "mobile_phone": "+61400000002"}).data
    phone = world.post("/profiles/availability", {"mobile_phone": "+61400000001"}).data

    assert taken["email"] == {"available": False, "profile": {"id": profile}}
    assert taken["mobile_phone"] == {"available": True, "profile": None}
    assert phone == {"email": None, "mobile_phone": {"available": False, "profile": {"id": profile}}}


def test_a_taken_address_or_phone_is_refused_in_the_words_that_the_sdk_reads(world: SandboxClient) -> None:
    world.profile(email="mia@example.com", mobile_phone="+61400000001")

    reply = world.post("/profiles", {"email": "mia@example.com", "mobile_phone": "+61400000001"})

    assert reply.status == 422
    assert reply.json["errors"] == {"email": ["The email exists."], "mobile_phone": ["The phone number exists."]}


def test_a_deleted_profile_takes_its_identities_and_benefits_and_leaves_its_orders(world: SandboxClient) -> None:
    profile = world.profile(identities=[{"handle": "shop", "identifier": "1001"}])
    benefit = world.issue(world.define(max_redemptions=2), profile)
    order = world.order(profile_id=profile, redemption_id=world.redeem(benefit).data["id"]).data

    removed = world.delete(f"/profiles/{profile}")

    gone = [f"/profiles/{profile}", f"/benefits/{benefit['id']}", f"/profiles/{profile}/benefits"]
    assert (removed.status, [world.get(path).status for path in gone]) == (204, [404, 404, 404])
    assert world.post("/profiles/search-id", {"type": "shop", "id": "1001"}).status == 404
    assert world.get(f"/transactions/{order['id']}").data["redemption"]["items"][0]["count"] == 1
    assert world.post("/profiles", {"identities": [{"handle": "shop", "identifier": "1001"}]}).status == 201


def test_an_identity_is_changed_by_handle_by_number_and_in_the_guides_way(world: SandboxClient) -> None:
    profile = world.profile()
    path = f"/profiles/{profile}/identities"
    shop, till = (world.post(path, {"handle": name, "identifier": "1"}).data for name in ("shop", "till"))

    by_handle = world.put(f"{path}/shop", {"identifier": "2"}).data
    by_number = world.put(f"{path}/id/{till['id']}", {"is_primary": True}).data
    in_the_guides_way = world.put(f"{path}/{shop['id']}", {"identifier": "3"}).data

    assert (by_handle["identifier"], by_number["is_primary"], in_the_guides_way["identifier"]) == ("2", True, "3")
    assert world.get(f"{path}/id/{shop['id']}").data == world.get(f"{path}/shop").data
    assert [world.delete(f"{path}/{key}").status for key in (shop["id"], "till", "till")] == [204, 204, 404]
    assert world.post(path, {"handle": "shop", "identifier": "1"}).status == 201


def test_a_handle_that_is_a_number_comes_before_the_number_of_an_identity(world: SandboxClient) -> None:
    path = f"/profiles/{world.profile()}/identities"
    first = world.post(path, {"handle": "2", "identifier": "a"}).data
    second = world.post(path, {"handle": "till", "identifier": "b"}).data

    changed = world.put(f"{path}/2", {"identifier": "c"}).data

    assert (second["id"], changed["id"]) == (2, first["id"])


def test_profiles_are_found_by_any_of_their_identities(world: SandboxClient) -> None:
    both = [{"handle": "shop", "identifier": "1001"}, {"handle": "till", "identifier": "9"}]
    mia, _other = world.profile(identities=both, tags=["vip"]), world.profile()

    queries: list[dict[str, Any]] = [
        {"filter[identities][identifier]": "1001"},
        {"filter[identities.identifier][in]": "7,9"},
        {"filter[tags]": "vip"},
    ]
    found = [[row["id"] for row in world.get("/profiles", **query).data] for query in queries]
    others = world.get("/profiles", **{"filter[identities.identifier][ne]": "9"}).data

    assert found == [[mia]] * 3
    assert mia not in [row["id"] for row in others]
