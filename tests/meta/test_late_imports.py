"""Imports inside functions: each has a measured reason in the table below, and `make check` refuses any other.

An import stands at the top of its module. It may stand inside a function only where it makes the start of an app, of a
command or of pytest measurably faster. To add one, measure it and add a row:

    python -X importtime -c "import claimable_benefits.extension, TARGET" 2>&1 | tail -1

The cumulative column gives microseconds: what the target costs on top of what has been imported before it.
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


TABLE: tuple[LateImport, ...] = (
    # Rows for the composition root and the commands.
    # Rows for the pages and the pytest plugin.
    # Rows for the extras: redis, celery and the sandbox.
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

    assert {where: target for (module, target), where in found().items() if (module, target) not in rows} == {}


def test_every_row_has_an_import() -> None:
    there = found()

    assert [row for row in TABLE if (row.module, row.target) not in there] == []


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
