"""Imports inside functions: each has a measured reason in the table below, and `make check` refuses any other.

An import stands at the top of its module. It may stand inside a function only where it makes the start of an app, of a
command or of pytest measurably faster. To add one, measure it and add a row:

    python -X importtime -c "import MODULE, TARGET" 2>&1 | grep TARGET

The cumulative column gives microseconds: what the target costs on top of what has been imported before it. What every
start imports in any case costs nothing there, and belongs at the top.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.meta.checkout import ROOT, files

PACKAGE = Path("plugin")
COMPUTED = "(computed)"


@dataclass(frozen=True, slots=True)
class LateImport:
    """An import inside a function: ``module`` imports ``target`` there, which saves so many milliseconds.

    ``measured`` says what starts faster and how that was measured. A target whose name is computed is `COMPUTED`.
    """

    module: str
    target: str
    milliseconds: float
    measured: str


_START = "start of a shop: processor time after init_app, best of five"
_IMPORT = "import of the extension after flask, httpx and sqlalchemy: processor time, median of five"
_TESTS = "start of pytest, which loads the plugin: processor time of the import, best of five"

TABLE: tuple[LateImport, ...] = (
    # The package itself, and the composition root.
    LateImport("claimable_benefits", COMPUTED, 269, f"{_TESTS}; it brings Flask and SQLAlchemy"),
    LateImport("claimable_benefits.extension", "claimable_benefits.runtime", 179, _IMPORT),
    LateImport("claimable_benefits.extension", "claimable_benefits.web.blueprint", 189, _IMPORT),
    LateImport(
        "claimable_benefits.runtime", "claimable_benefits.ledger.session_hooks", 60, f"{_START}; SQLAlchemy's ORM"
    ),
    # Values: the digits of currencies, which a start that prices nothing does not need.
    LateImport("claimable_benefits.domain.currencies", "babel.numbers", 8, _TESTS),
    LateImport("claimable_benefits.runtime", "flask_login", 20, f"{_START}; only where the shop has it installed"),
    # Commands.
    LateImport("claimable_benefits.cli.lazy", "claimable_benefits.cli.group", 27, _START),
    # The ledger: only one of two databases, and alembic only where the tables are not up to date.
    LateImport("claimable_benefits.ledger.schema", "alembic", 144, _START),
    LateImport("claimable_benefits.ledger.schema", "alembic.config", 148, _START),
    LateImport("claimable_benefits.ledger.upsert", "sqlalchemy.dialects", 9, f"{_START}; PostgreSQL's takes 28"),
    # Pages: what only some benefits need.
    LateImport("claimable_benefits.web.rendering.qr_codes", "segno", 7, f"{_START}; and 0.6 MB of each worker"),
    LateImport("claimable_benefits.web.rendering.sanitize", "nh3", 2, f"{_START}; and 1.5 MB of each worker"),
    # The first click on a button of ours: what counts clicks brings an asyncio half, too.
    LateImport("claimable_benefits.cache.rate_limiter", "limits", 25, _IMPORT),
    LateImport("claimable_benefits.cache.rate_limiter", "limits.storage", 25, f"{_IMPORT}; together with limits"),
    LateImport("claimable_benefits.cache.rate_limiter", "limits.strategies", 25, f"{_IMPORT}; together with limits"),
    # Extras: redis, where BENEFITS_CACHE_URL is set.
    LateImport("claimable_benefits.cache.rate_limiter", "redis", 97, _START),
    LateImport("claimable_benefits.cache.rate_limiter", "redis.backoff", 97, f"{_START}; together with redis"),
    LateImport("claimable_benefits.cache.rate_limiter", "redis.retry", 97, f"{_START}; together with redis"),
    LateImport("claimable_benefits.cache.redis_store", "redis", 97, _START),
    LateImport("claimable_benefits.cache.redis_store", "redis.backoff", 97, f"{_START}; together with redis"),
    LateImport("claimable_benefits.cache.redis_store", "redis.exceptions", 97, f"{_START}; together with redis"),
    LateImport("claimable_benefits.cache.redis_store", "redis.retry", 97, f"{_START}; together with redis"),
    # Extras: the sandbox, where a test asks for a fixture.
    LateImport("claimable_benefits.testing", COMPUTED, 119, _TESTS),
    LateImport("claimable_benefits.testing", "claimable_benefits.sandbox", 112, _TESTS),
    LateImport("claimable_benefits.testing", "claimable_benefits.sandbox.testing_kit.builders", 120, _TESTS),
    LateImport("claimable_benefits.testing", "claimable_benefits.sandbox.testing_kit.controls", 119, _TESTS),
)


def late_imports(module: str, tree: ast.AST, *, inside: bool = False) -> Iterator[tuple[str, str, int]]:
    """The imports inside functions: module, target and line. Calls of `import_module` and `__import__` count."""
    for node in ast.iter_child_nodes(tree):
        if inside and isinstance(node, ast.stmt | ast.expr):
            yield from ((module, target, node.lineno) for target in targets(node))
        within = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from late_imports(module, node, inside=within)


def targets(node: ast.AST) -> Iterator[str]:
    """What one statement or call imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")
    elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__"):
        name = node.args[0] if node.args else None
        yield str(name.value) if isinstance(name, ast.Constant) else COMPUTED


def called(call: ast.Call) -> str:
    """The name of what is called, without what stands in front of it."""
    match call.func:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
    return ""


def name_of(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def found() -> dict[tuple[str, str], str]:
    """Every import inside a function of the package, and where it stands."""
    sources = [path for path in files() if path.parts[0] == PACKAGE.name and path.suffix == ".py"]
    assert len(sources) > 100
    return {
        (module, target): f"{path}:{line}"
        for path in sources
        for module, target, line in late_imports(name_of(path), ast.parse((ROOT / path).read_text("utf-8")))
    }


def test_every_import_inside_a_function_has_a_row() -> None:
    rows = {(row.module, row.target) for row in TABLE}

    missing = [
        f"{where} imports {target}" for (module, target), where in found().items() if (module, target) not in rows
    ]

    assert missing == [], "\n".join(missing)


def test_every_row_has_an_import() -> None:
    there = found()

    stale = [f"{row.module} no longer imports {row.target}" for row in TABLE if (row.module, row.target) not in there]

    assert stale == [], "\n".join(stale)


def test_every_row_names_what_it_saves() -> None:
    assert [row for row in TABLE if row.milliseconds < 1 or not row.measured] == []
    assert len({(row.module, row.target) for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("def f():\n    import json", "json"),
        ("class A:\n    def f(self):\n        if self:\n            from json import loads", "json"),
        ("async def f():\n    from . import near", "."),
        ("def f():\n    return import_module('json')", "json"),
        ("def f(name):\n    importlib.import_module(f'a.{name}')", COMPUTED),
        ("f = lambda: __import__('json')", "json"),
    ],
)
def test_an_import_inside_a_function_is_found(source: str, target: str) -> None:
    assert [found for _, found, _ in late_imports("m", ast.parse(source))] == [target]


@pytest.mark.parametrize("source", ["import json", "if TYPE_CHECKING:\n    import json", "class A:\n    import json"])
def test_an_import_outside_functions_is_none(source: str) -> None:
    assert list(late_imports("m", ast.parse(source))) == []
