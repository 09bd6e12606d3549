"""What the documentation names exists, and what it lists is complete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import fields
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

import click
import pytest
from blinker import NamedSignal
from flask import Flask

import claimable_benefits
from claimable_benefits import Cart, ClaimableBenefits, Item, Line, Shopper, Transaction, errors, signals
from claimable_benefits.domain import policy
from claimable_benefits.domain.states import ClaimState, DeliveryState, UseState
from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.sandbox.demo.seed import SEEDS
from claimable_benefits.sandbox.openapi.document import CONTROL_PREFIX, path_of
from claimable_benefits.sandbox.state.request_state import sandbox
from claimable_benefits.settings.table import TABLE
from tests.meta import reference
from tests.meta.pages import COMMANDS, PAGES, PROJECT, ROOT, anchors, first_column, links, prose, read, target_of

PACKAGE = ROOT / "plugin" / "claimable_benefits"
TEMPLATES = ROOT / "templates" / "claimable_benefits"
every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_every_link_within_the_repository_leads_somewhere(page: str) -> None:
    found = {link: target for link in links(page) if (target := target_of(link, page))}

    assert [link for link, (path, _) in found.items() if not path.exists()] == []
    assert [
        link
        for link, (path, anchor) in found.items()
        if anchor and anchor not in anchors(str(path.resolve().relative_to(ROOT)))
    ] == []


@pytest.mark.parametrize("name", reference.REGIONS)
def test_a_generated_table_is_the_codes(name: str) -> None:
    _, make = reference.REGIONS[name]
    _, inside, _ = reference.region(name)

    assert inside == make(), "Run: python -m tests.meta.reference"


@every_page
def test_every_setting_that_is_named_exists(page: str) -> None:
    named = set(re.findall(r"\b(?:FLASK_)?((?:OMNEO|BENEFITS)_[A-Z_]*[A-Z])\b", read(page)))

    assert named - {setting.key for setting in TABLE} == set()


@every_page
def test_every_command_and_option_that_is_named_exists(page: str) -> None:
    known = {str(ctx.info_name): ctx for ctx in reference.contexts(COMMANDS, "flask benefits")}
    named = re.findall(r"flask\s+benefits ((?:db )?[a-z]+)((?: [^\n`#|]*)?)", read(page))

    wrong = [
        f"{command} {option}"
        for command, rest in named
        for option in re.findall(r"--[a-z-]+", rest) or [""]
        if (ctx := known.get(f"flask benefits {command}")) is None or (option and option not in _options(ctx))
    ]

    assert wrong == []


def _options(ctx: click.Context) -> set[str]:
    return {name for one in ctx.command.params for name in one.opts}


@every_page
def test_every_make_target_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z][a-z-]+)`", read(page))) - targets == set()


@every_page
def test_every_module_to_run_and_every_extra_that_is_named_exists(page: str) -> None:
    modules = re.findall(r"python -m ([a-z_.]+)", read(page))
    extras = re.findall(r"flask-claimable-benefits\[(\w+)\]", read(page))

    assert [name for name in modules if not find_spec(name)] == []
    assert set(extras) - PROJECT["optional-dependencies"].keys() == set()


@every_page
def test_every_verb_that_is_named_exists(page: str) -> None:
    named = re.findall(r"\bbenefits\.([a-z_]+)[(`]", read(page))

    assert [name for name in named if not hasattr(ClaimableBenefits, name)] == []


@every_page
def test_every_endpoint_that_is_named_exists(page: str) -> None:
    app = Flask("shop")
    app.register_blueprint(ClaimableBenefits().blueprint)

    assert set(re.findall(r"url_for\(\"([\w.]+)\"", read(page))) - app.view_functions.keys() == set()


@every_page
def test_every_test_that_is_named_exists(page: str) -> None:
    tests = "\n".join(file.read_text("utf-8") for file in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name in re.findall(r"`(test_\w+)`", read(page)) if f"def {name}(" not in tests] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_and_folder_that_is_named_exists(page: str) -> None:
    named = set(re.findall(r"`([\w./-]+(?:/|\.py|\.toml|\.txt))`", prose(page)))
    named |= set(re.findall(r"`((?:service|web|tests|docs)/[\w/]+)`", prose(page)))

    assert [name for name in named if not any((top / name).exists() for top in (ROOT, PACKAGE))] == []


def test_the_architecture_names_every_room() -> None:
    rooms = {
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in PACKAGE.iterdir()
        if not entry.name.startswith(("_", ".")) and entry.name != "py.typed"
    }

    assert set(first_column("docs/architecture.md", "## The rooms")) == rooms


@pytest.mark.parametrize("room", ["service", "sandbox"])
def test_the_architecture_names_every_room_within(room: str) -> None:
    _, _, told = read("docs/architecture.md").partition(f"Inside `{room}/`")
    named = re.findall(r"`(\w+)`", told.partition(". ")[0].partition(".\n")[0])
    rooms = {entry.stem for entry in (PACKAGE / room).iterdir() if entry.is_dir() or entry.suffix == ".py"} - {
        "__init__",
        "__main__",
        "__pycache__",
    }

    assert set(named) == rooms
    assert len(named) == len(rooms)


def test_every_public_name_is_on_the_page_of_values() -> None:
    page = read("docs/values.md")

    assert [name for name in claimable_benefits.__all__ if not re.search(rf"\b{name}\b", page)] == []


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        (Shopper, "## Shopper: who is signed in"),
        (Transaction, "## Transaction: a completed sale"),
    ],
)
def test_every_field_that_a_shop_writes_is_explained(kind: Any, heading: str) -> None:
    assert first_column("docs/values.md", heading) == [one.name for one in fields(kind)]


def test_every_field_of_carts_and_their_lines_is_explained() -> None:
    told = first_column("docs/values.md", "## Cart and Line: what the shopper is about to buy")

    assert told == [one.name for kind in (Line, Cart) for one in fields(kind)]


def test_every_field_of_what_is_applied_is_explained() -> None:
    applied, discount = claimable_benefits.Applied, claimable_benefits.Discount
    told = first_column("docs/values.md", "## Applied and Discount: what `applied()` returns")

    names = [one.name for kind in (applied, discount) for one in fields(kind)]
    assert sorted(told) == sorted([*names, "amount"])


def test_items_are_made_of_every_field_that_they_have() -> None:
    made = re.findall(
        r"^            (\w+)=", read("docs/values.md").partition("Item(\n")[2].partition("        )\n")[0], re.MULTILINE
    )

    assert sorted(made) == sorted(one.name for one in fields(Item))


def test_every_error_is_on_the_page_of_values() -> None:
    raised = [
        name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.BenefitsError)
    ]
    page = read("docs/values.md").partition("## What the verbs raise")[2]

    assert [name for name in raised if not re.search(rf"`{name}`", page)] == []


def test_every_key_of_a_policy_is_explained() -> None:
    assert sorted(set(first_column("docs/configuration.md", "## The policy file")) & set(policy._KEYS)) == sorted(
        policy._KEYS
    )


def test_every_signal_is_explained_and_no_other() -> None:
    names = [name for name, one in vars(signals).items() if isinstance(one, NamedSignal)]
    told = first_column("docs/customizing.md", "## Signals")

    assert [name for name in told if name.startswith(("benefit_", "redemption_", "transaction_d"))] == names


def test_every_template_and_block_is_listed_and_no_other() -> None:
    told = {
        row[0]: set(re.findall(r"`(\w+)`", row[1]))
        for row in re.findall(r"^\| `(\w+\.html)` \|[^|]*\|([^|]*)\|$", read("docs/customizing.md"), re.MULTILINE)
    }

    assert set(re.findall(r"the macros `(\w+)` and `(\w+)`", read("docs/customizing.md"))) == {
        tuple(re.findall(r"{% macro (\w+)", (TEMPLATES / "cards.html").read_text("utf-8")))
    }
    assert told == {
        file.name: set(re.findall(r"{% block (\w+)", file.read_text("utf-8"))) for file in TEMPLATES.glob("*.html")
    }


def test_every_css_variable_is_listed_and_no_other() -> None:
    sheet = (PACKAGE / "static" / "benefits.css").read_text("utf-8")

    told = re.findall(r"^  (--cb-[a-z-]+):", read("docs/customizing.md"), re.MULTILINE)

    assert set(told) == set(re.findall(r"--cb-[a-z-]+", sheet))


def test_every_state_is_in_the_glossary() -> None:
    page = read("docs/glossary.md")
    states: list[type[StrEnum]] = [ClaimState, DeliveryState]

    assert first_column("docs/glossary.md", "## States of a use")[: len(UseState)] == [one.value for one in UseState]
    assert [one.value for kind in states for one in kind if f"`{one.value}`" not in page] == []


# A word of the glossary for each of these; what follows is the one that says the same.
PRIVATE: Mapping[str, str] = {
    r"shel(f|ves)": "wallet",
    r"undo(ing|ne)?": "roll back",
    r"g(iv|av)e back|given back|give_back": "refund",
    r"settl(e|es|ed|ing)": "resolve",
    r"witness(es)?": "evidence",
    r"needs a person|needs_a_person": "manual review",
    r"anew": "again",
    r"whoever|lest|nobody knows|goes away|is done without": "plain English",
}


@every_page
def test_no_page_uses_a_private_word(page: str) -> None:
    text = re.sub(r"`[^`]*`", "", prose(page))

    assert [word for word in PRIVATE if re.search(rf"\b({word})\b", text, re.IGNORECASE)] == []


def test_the_sandbox_page_names_every_request_of_the_control_api() -> None:
    app = create_sandbox()
    with closing(sandbox(app).store):
        served = {
            f"{method} {path_of(rule)}"
            for rule in app.url_map.iter_rules()
            if rule.rule.startswith(CONTROL_PREFIX)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        }

    assert set(first_column("docs/sandbox.md", "## The control API")) == served
    assert set(first_column("docs/sandbox.md", "## Seeds")) == set(SEEDS)
