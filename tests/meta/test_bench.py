"""What speed rests on stays: calls that are counted, and processor time against a bare page, with a generous margin."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from statistics import median

import pytest
from werkzeug.test import Client, EnvironBuilder

from benchmarks.__main__ import limited, main, report
from benchmarks.apps import bare, shop, visits
from benchmarks.apps.page import CUSTOMER
from benchmarks.apps.shop import PAGE, Shop, cookie
from benchmarks.figures import QUICK, TARGETS, Figures, between
from benchmarks.measures import orders
from benchmarks.parts import PARTS
from benchmarks.report import __main__ as writer
from benchmarks.report.picture import picture
from benchmarks.report.table import MEANING, section, unexplained
from benchmarks.servers import omneo
from benchmarks.servers.web import Command, granian, gunicorn, serving

PROFILE = omneo.profile_of(CUSTOMER)
FIGURES = Figures(
    judged={"warm_vs_bare": 0.95, "cold_own_work": 5.5, "slow5s_host_vs_healthy": float("nan")},
    told={"first_visit_250ms: share of pages that show the benefits": 0.0},
    pages={"warm_30ms": 0.5, "cold_30ms": 33.0, "first_visit_30ms": 64.0, "first_visit_250ms": 402.0},
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[omneo.Omneo]:
    with omneo.running() as running:
        yield running


@pytest.fixture
def opened(tmp_path: Path, upstream: omneo.Omneo) -> Iterator[Shop]:
    patient = {"BENEFITS_PAGE_BUDGET_MS": 20_000}  # a busy machine is not a slow Omneo
    with shop.opened(tmp_path / "shop", upstream.base_url, **patient) as running:
        running.get(CUSTOMER)
        upstream.reset_calls()
        yield running


class Words(HTMLParser):
    """The tags and words of a page, without white space and tokens, which differ each time."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said: list[object] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if fields.get("name") == "cb_token" or tag == "link":
            fields = {}
        self.said.append((tag, fields))

    def handle_data(self, data: str) -> None:
        if words := data.split():
            self.said.append(words)


def test_the_bare_page_is_of_the_same_html(opened: Shop) -> None:
    plain = bare.create_app().test_client().get(PAGE).text
    ours = opened.get(CUSTOMER)

    assert Words(plain).said == Words(ours).said
    assert 0.9 < len(plain) / len(ours) < 1.1


def test_a_warm_page_asks_nobody_and_a_cold_one_asks_once_for_each_list(opened: Shop, upstream: omneo.Omneo) -> None:
    opened.get(CUSTOMER)
    warm = upstream.calls
    opened.forget(PROFILE)
    opened.get(CUSTOMER)

    assert (warm, upstream.calls) == (0, 2)


def test_visits_are_what_their_paths_say(tmp_path: Path, upstream: omneo.Omneo) -> None:
    calls: dict[str, int] = {}
    with shop.opened(tmp_path, upstream.base_url, BENEFITS_PAGE_BUDGET_MS=20_000) as running:
        client = Client(visits.application_of(running), use_cookies=False)
        for path in (visits.WARM, visits.BARE, visits.WARM, visits.COLD, visits.FIRST, visits.FIRST):
            upstream.reset_calls()
            assert "Benefit held-0" in client.get(path, headers={"Cookie": cookie(CUSTOMER)}).text
            calls[path] = upstream.calls

    assert calls == {visits.BARE: 0, visits.WARM: 0, visits.COLD: 2, visits.FIRST: 3}


@pytest.mark.parametrize("command", [gunicorn, granian])
def test_each_server_serves_the_page_and_tells_its_processor_time(command: Command) -> None:
    with serving("benchmarks.apps.bare:create_app", command=command) as server:
        before = server.cpu
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{PAGE}", timeout=20) as answer:
            page = answer.read().decode()

        assert "Benefit held-0" in page
        assert server.cpu > before > 0


def test_a_hundred_benefits_are_read_page_by_page_and_each_page_once(opened: Shop, upstream: omneo.Omneo) -> None:
    opened.get("c-100-4-mia")

    assert upstream.calls == 1 + 7 + 1


def test_applying_asks_nobody_and_an_order_asks_once(tmp_path: Path) -> None:
    found = orders.measure(tmp_path, QUICK)  # it fails where an order makes more than one call

    assert found.judged["apply_upstream_calls"] == 0


def test_a_warm_page_costs_no_more_than_a_few_bare_ones(opened: Shop) -> None:
    with_us, without = page_of(opened.app.wsgi_app), page_of(bare.create_app().wsgi_app)
    pairs = [(cpu(with_us), cpu(without)) for _ in range(7)]

    assert median(ours / plain for ours, plain in pairs) < 2


def test_a_cold_page_costs_no_more_than_some_bare_ones(opened: Shop) -> None:
    without, ask = page_of(bare.create_app().wsgi_app), opened.request(CUSTOMER)

    def cold() -> float:
        opened.forget(PROFILE)
        started = time.process_time()  # of all threads: those that ask Omneo, too
        ask()
        return time.process_time() - started

    pairs = [(cold(), cpu(without) / 40) for _ in range(9)]

    assert median(ours / plain for ours, plain in pairs) < 40


def page_of(app: Callable[..., object]) -> Callable[[], object]:
    """Gets the page from a WSGI application, without a client's own work."""
    environ = EnvironBuilder(path=PAGE, headers=[("Cookie", cookie(CUSTOMER))]).get_environ()
    return lambda: list(app(dict(environ), lambda *_: None))  # type: ignore[call-overload] # a WSGI answer


def cpu(work: Callable[[], object], times: int = 40) -> float:
    started = time.thread_time()
    for _ in range(times):
        work()
    return time.thread_time() - started


def test_every_target_is_measured_by_one_part_and_explained_in_the_table() -> None:
    names = [name for entry in PARTS.values() for name in entry.names]

    assert sorted(names) == sorted(TARGETS) == sorted(MEANING)


def test_what_is_no_number_is_missed_and_written_as_nothing() -> None:
    written = json.loads(json.dumps(report(FIGURES), allow_nan=False))

    assert FIGURES.missed() == ["cold_own_work", "slow5s_host_vs_healthy"]
    assert written["judged"] == {"warm_vs_bare": 0.95, "cold_own_work": 5.5, "slow5s_host_vs_healthy": None}


def test_the_median_is_of_ratios_of_neighbours() -> None:
    assert between([2, 20, 6], [1, 10, 1]) == 2


def test_a_part_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TimeoutError, match="longer than 1 s"), limited(1):
        time.sleep(30)


def test_a_figure_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["warm_vs_baer"])

    assert ended.value.code == 2
    assert "There is no figure 'warm_vs_baer'." in capsys.readouterr().err


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "docs" / "images").mkdir(parents=True)
    (tmp_path / "benchmarks" / "latest.json").write_text(json.dumps(report(FIGURES)), "utf-8")
    for name in writer.SECTIONS:
        text = f"# Before\n\n<!-- speed: by an older command -->\nyesterday\n{writer.END}\n\n# After\n"
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_both_pages_get_their_section_and_keep_the_rest(checkout: Path) -> None:
    for _ in range(2):
        writer.main(checkout)
    readme, page = ((checkout / name).read_text("utf-8") for name in writer.SECTIONS)

    for text in (readme, page):
        assert text.startswith(f"# Before\n\n{writer.BEGIN}\n")
        assert text.endswith(f"{writer.END}\n\n# After\n")
        assert "yesterday" not in text
        assert text.count("<!--") == 2
    assert readme.count(" ms** ") == 3
    assert "|" not in readme
    assert "| 0.95 | at least 0.9 |" in page
    assert "| 402, without the benefits |" in page
    assert (checkout / writer.PICTURE).read_text("utf-8").startswith("<svg ")


def test_a_missed_figure_stands_in_the_table_with_its_reason() -> None:
    written = section(report(FIGURES), {"cold_own_work": "an HTTP client takes half of it."})

    assert "| 5.5 | at most 5, **missed**: an HTTP client takes half of it. |" in written
    assert "| not measured | at least 0.8, **missed**: no reason is known |" in written


def test_a_missed_figure_without_a_reason_fails_the_command(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert writer.main(checkout) == 1
    assert "slow5s_host_vs_healthy" in capsys.readouterr().err
    assert "cold_own_work" not in unexplained(report(FIGURES), {"cold_own_work": "known"})


def test_without_a_place_both_pages_stay_as_they_are(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (checkout / "README.md").read_text("utf-8")
    (checkout / "docs" / "performance.md").write_text("# Only this\n", "utf-8")
    result = writer.main(checkout)

    assert result == 1
    assert (checkout / "README.md").read_text("utf-8") == before
    assert "docs/performance.md has no place for the figures" in capsys.readouterr().err


def test_the_page_about_performance_shows_the_latest_figures() -> None:
    latest = json.loads((writer.ROOT / "benchmarks" / "latest.json").read_text("utf-8"))
    page = (writer.ROOT / "docs" / "performance.md").read_text("utf-8")

    assert f"{writer.BEGIN}\n{section(latest)}\n{writer.END}" in page


def test_the_picture_has_a_bar_for_what_was_measured() -> None:
    drawn = picture({"warm_30ms": 0.5, "cold_250ms": 261.0, "bare": None})

    assert drawn.count("#222") == 1 + 2 * 2
    assert ">261</text>" in drawn
