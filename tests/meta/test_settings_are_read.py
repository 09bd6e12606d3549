"""The table of settings and the code that reads them say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields

from claimable_benefits.settings import Settings
from claimable_benefits.settings.table import TABLE
from tests.meta.checkout import ROOT

PACKAGE = ROOT / "plugin" / "claimable_benefits"
KEY = re.compile(r"(OMNEO|BENEFITS)_[A-Z_]*[A-Z]")
KEYS = {setting.key for setting in TABLE}


def modules() -> dict[str, ast.Module]:
    """Every module but the sandbox's, which has settings of its own."""
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in PACKAGE.rglob("*.py")
        if "sandbox" not in path.parts
    }


def is_reading(name: str) -> bool:
    return name.startswith("settings/")


def keys_beside_the_table(module: ast.Module) -> Iterator[str]:
    for statement in module.body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == "TABLE":
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and KEY.fullmatch(node.value):
                yield node.value


def test_every_setting_of_the_table_is_read_by_the_code() -> None:
    read = {key for name, module in modules().items() if is_reading(name) for key in keys_beside_the_table(module)}

    assert KEYS - read == set()


def test_every_key_that_the_code_names_stands_in_the_table() -> None:
    named = {key for module in modules().values() for key in keys_beside_the_table(module)}

    assert named - KEYS == set()


def test_every_key_that_a_sentence_of_ours_names_stands_in_the_table() -> None:
    texts = [
        path.read_text(encoding="utf-8") for path in (*PACKAGE.rglob("*.py"), *(ROOT / "templates").rglob("*.html"))
    ]
    named = {found.group() for text in texts for found in re.finditer(rf"\b{KEY.pattern}\b", text)}

    assert named - KEYS == set()


def test_every_setting_that_is_read_is_used_somewhere() -> None:
    used = {
        node.attr
        for name, module in modules().items()
        if not is_reading(name)
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
    }

    assert {field.name for field in fields(Settings)} - used == set()
