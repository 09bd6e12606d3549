"""What speed rests on stays: calls that are counted, and processor time against a bare page, with a generous margin."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from statistics import median

import pytest
from werkzeug.test import EnvironBuilder

from benchmarks import bare, omneo, orders, readme, shop
from benchmarks.__main__ import main, report
from benchmarks.figures import QUICK, TARGETS, Figures, between
from benchmarks.apps.page import CUSTOMER
from benchmarks.measures.warm_pages import READY
from benchmarks.parts import PARTS
from benchmarks.report.picture import picture
from benchmarks.apps.shop import PAGE, Shop, cookie

PROFILE = omneo.profile_of(CUSTOMER)
FIGURES = Figures(
    ratios={"warm_vs_bare": 0.95, "cold_known_rtt": 1.3, "slow5s_host_vs_healthy": float("nan")},
    pages={"warm": 0.5, "cold": 33.0, "naive": 99.0, "sick": 0.6},
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[omneo.Omneo]:
    with omneo.running() as running:
        yield running


@pytest.fixture
def opened(tmp_path: Path, upstream: omneo.Omneo) -> Iterator[Shop]:
    patient = {"BENEFITS_PAGE_BUDGET_MS": 20_000}  # a busy machine shall not pass for a slow Omneo
    with shop.opened(tmp_path / "shop", upstream.base_url, **patient) as running:
        running.get(CUSTOMER)
        upstream.forget()
        yield running


class Words(HTMLParser):
    """Everything that a page says, without its white space and the tokens, which are never the same."""

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


def test_a_hundred_benefits_are_read_page_by_page_and_each_page_once(opened: Shop, upstream: omneo.Omneo) -> None:
    opened.get("c-100-4-mia")

    assert upstream.calls == 1 + 7 + 1


def test_applying_asks_nobody_and_an_order_asks_once(tmp_path: Path) -> None:
    found = orders.measure(tmp_path, QUICK)  # it fails where an order makes more than one call

    assert found.ratios["apply_upstream_calls"] == 0


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


def test_every_target_is_measured_by_one_part_and_explained_in_the_readme() -> None:
    names = [name for entry in PARTS.values() for name in entry.names]

    assert sorted(names) == sorted(TARGETS) == sorted(readme.MEANING)


def test_what_is_no_number_is_missed_and_written_as_nothing() -> None:
    written = json.loads(json.dumps(report(FIGURES), allow_nan=False))

    assert FIGURES.missed() == ["cold_known_rtt", "slow5s_host_vs_healthy"]
    assert written["ratios"] == {"warm_vs_bare": 0.95, "cold_known_rtt": 1.3, "slow5s_host_vs_healthy": None}


def test_the_median_is_of_ratios_of_neighbours() -> None:
    assert between([2, 20, 6], [1, 10, 1]) == 2


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
    (tmp_path / "README.md").write_text(f"# Before\n\n{readme.BEGIN}\nyesterday\n{readme.END}\n\n# After\n", "utf-8")
    return tmp_path


def test_the_readme_gets_its_section_and_keeps_the_rest(checkout: Path) -> None:
    results = [readme.main(checkout) for _ in range(2)]
    text = (checkout / "README.md").read_text("utf-8")

    assert results == [0, 0]
    assert text.startswith("# Before\n\n")
    assert text.endswith("\n\n# After\n")
    assert "yesterday" not in text
    assert "| 0.95 | at least 0.9 |" in text
    assert "| 1.3 | at most 1.15, **missed** |" in text
    assert "| not measured | at least 0.8, **missed** |" in text
    assert text.count("<!--") == 2


@pytest.mark.parametrize(("limit", "is_said"), [(12.9, True), (25.0, False)])
def test_the_readme_says_what_no_page_can_reach(checkout: Path, limit: float, is_said: bool) -> None:
    found = report(FIGURES) | {"wall": {f"{READY} (gthread)": limit}}
    (checkout / "benchmarks" / "latest.json").write_text(json.dumps(found), "utf-8")
    readme.main(checkout)

    sentence = f"comes as far: it is {limit:.3g} times (gthread) as fast as the naive one."
    assert (sentence in (checkout / "README.md").read_text("utf-8")) is is_said


def test_without_a_place_the_readme_stays_as_it_is(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "README.md").write_text("# Only this\n", "utf-8")
    result = readme.main(checkout)

    assert result == 1
    assert (checkout / "README.md").read_text("utf-8") == "# Only this\n"
    assert "no place for the section" in capsys.readouterr().err


def test_the_picture_has_a_bar_for_what_was_measured() -> None:
    drawn = picture({"warm": 0.5, "naive": 99.0, "cold": None})

    assert drawn.count("#222") == 1 + 2 * 2
    assert ">99</text>" in drawn
