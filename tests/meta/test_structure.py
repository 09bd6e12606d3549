"""The map of the code: a name says what it names, and no folder is too full to read."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

from tests.meta.checkout import ROOT, files

ROOMS = ("plugin", "example_shop", "benchmarks", "chaos", "tests")
MOST_MODULES = 20
# Names that only their docstrings explained: as a whole name of a file, or as a word in it.
_PRIVATE_NAMES = """
answers attention bodies bounded breaker claim_and_use clean codes described facts failures fit form gate give_back
granting hints issuing joining linking listing look loss machine memory merchant notices paging placing queueing
remember settle settle_claims settling shapes texts turns used_items verdicts watch wire work writing
"""
PRIVATE_NAMES = frozenset(_PRIVATE_NAMES.split())
_PRIVATE_WORDS = """
courier crew crowd dial dials director door face fence fleet guesses hear house housekeeping keeper kept
levers mischief moments patience prepared scene shelf shelves stage standing stories story tab
town undo upkeep verbs visitors watchdog weather world yard zombie zombies
"""
PRIVATE_WORDS = frozenset(_PRIVATE_WORDS.split())


def modules() -> list[Path]:
    """The Python modules of the five rooms, without `__init__.py`."""
    found = [path for path in files() if path.suffix == ".py" and path.parts[0] in ROOMS]
    assert {path.parts[0] for path in found} == set(ROOMS)
    return [path for path in found if path.name != "__init__.py"]


def classes(tree: ast.AST) -> Iterator[str]:
    """The names of every class statement: private and nested ones, and those inside functions."""
    return (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def twins(places: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that stand in more than one place. An underscore in front does not make another name."""
    found: Mapping[str, list[str]] = defaultdict(list)
    for name, place in places:
        found[name.lstrip("_")].append(place)
    return {name: where for name, where in found.items() if len(where) > 1}


def full(paths: Iterable[Path]) -> dict[str, int]:
    """The folders with too many modules."""
    counts = Counter(path.parent.as_posix() for path in paths)
    return {folder: count for folder, count in counts.items() if count > MOST_MODULES}


def private_words(name: str) -> set[str]:
    """What is private in the name of a file."""
    stem = PurePosixPath(name).stem.strip("_").removeprefix("test_")
    return ({stem} & PRIVATE_NAMES) | (set(stem.split("_")) & PRIVATE_WORDS)


def test_no_two_classes_of_the_package_have_one_name() -> None:
    sources = [path for path in files() if path.parts[0] == "plugin" and path.suffix == ".py"]
    statements = [
        (name, str(path)) for path in sources for name in classes(ast.parse((ROOT / path).read_text("utf-8")))
    ]

    assert len(statements) > 100
    assert twins(statements) == {}, twins(statements)


def test_a_nested_class_and_a_private_one_count() -> None:
    tree = ast.parse("class _Call: ...\ndef make():\n    class Call: ...\n")

    assert twins((name, "here") for name in classes(tree)) == {"Call": ["here", "here"]}


def test_no_folder_holds_too_many_modules() -> None:
    assert full(modules()) == {}, full(modules())


def test_a_folder_with_one_module_too_many_is_named() -> None:
    assert full([Path(f"chaos/m{number}.py") for number in range(20)]) == {}
    assert full([Path(f"chaos/m{number}.py") for number in range(21)]) == {"chaos": 21}


def test_no_file_is_named_by_a_private_word() -> None:
    named = {str(path): found for path in modules() if (found := private_words(path.name))}

    assert named == {}, named


@pytest.mark.parametrize("name", ["keeper.py", "test_zombies.py", "_crew.py", "fleet_shop.py", "test_wire.py"])
def test_a_private_word_is_found_in_a_name(name: str) -> None:
    assert private_words(name)


@pytest.mark.parametrize("name", ["test_work_queue.py", "fleeting.py", "codec.py"])
def test_a_word_of_the_field_is_accepted(name: str) -> None:
    assert private_words(name) == set()
