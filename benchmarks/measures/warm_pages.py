"""The warm benefits page against a bare page of the same HTML, with the ledger in SQLite and in PostgreSQL.

``warm_vs_bare`` compares the processor time of the web server's processes, as both pages are bound by it. What the
database server computes in a process of its own shows only in the pages a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.apps.page import CUSTOMER
from benchmarks.apps.shop import PAGE, cookie, environment, settings
from benchmarks.figures import Figures, Scale, between
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind
from benchmarks.servers.web import Server, granian, gunicorn, serving
from tests.support.postgres import running_postgres

_CONNECTIONS = 16  # enough to keep two workers busy
_KIND = Kind(PAGE, _CONNECTIONS, (f"Cookie: {cookie(CUSTOMER)}",), contains="Benefit held-0")
Runs = Mapping[str, list[tuple[float, float]]]


def measure(folder: Path, scale: Scale) -> Figures:
    """Run all servers for the whole measurement, and load one of them at a time."""
    with ExitStack() as stack:
        upstream = stack.enter_context(omneo.running())
        database = stack.enter_context(stack.enter_context(running_postgres()).empty_database())
        shops = {
            "bare": ("benchmarks.apps.bare:create_app", {}),
            "warm": ("benchmarks.apps.shop:create_app", settings(folder / "sqlite", upstream.base_url)),
            "warm postgresql": (
                "benchmarks.apps.shop:create_app",
                settings(folder / "postgresql", upstream.base_url, BENEFITS_DATABASE_URL=database),
            ),
        }
        servers = {
            f"{name}{server}": stack.enter_context(serving(factory, environment(config), command))
            for server, command in {"": gunicorn, " granian": granian}.items()
            for name, (factory, config) in shops.items()
        }
        for server in servers.values():  # the first visits of both workers; their pages may lack the benefits
            load.run(server.port, [_KIND], 1)
        runs = _run(servers, list(shops), scale.rounds)
        beside = _run(servers, [f"{name} granian" for name in shops], scale.few)
    return _figures(runs, beside)


def _run(servers: Mapping[str, Server], names: Iterable[str], rounds: int) -> Runs:
    """Return pages a second, and microseconds of processor time for each page, of every run."""
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, found in runs.items():
            seen, cpu = servers[name].ask(_KIND, 1)
            found.append((seen.rate, cpu))
    return runs


def _figures(runs: Runs, beside: Runs) -> Figures:
    every = {**runs, **beside}
    rates = {name: [rate for rate, _ in found] for name, found in every.items()}
    cpu = {name: [each for _, each in found] for name, found in every.items()}
    shares: dict[str, float] = {}
    for database in ("", " postgresql"):
        for server in ("", " granian"):
            ours, bare = f"warm{database}{server}", f"bare{server}"
            name = f"warm_vs_bare{database}{server}".replace(" ", "_")
            shares[name] = between(cpu[bare], cpu[ours])
            shares[f"{name}_by_pages_a_second"] = between(rates[ours], rates[bare])
    judged = {name: shares.pop(name) for name in ("warm_vs_bare", "warm_vs_bare_postgresql")}
    return Figures(
        judged=judged,
        told={**shares, **{f"{name}: pages a second": median(found) for name, found in rates.items()}},
        cpu={name: median(found) for name, found in cpu.items()},
    )
