"""The pages of the documentation, and what stands in them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from claimable_benefits.cli.lazy import Commands

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HOME: str = PROJECT["urls"]["Homepage"]
RAW = HOME.replace("https://github.com/", "https://raw.githubusercontent.com/")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", *(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md")))
COMMANDS = Commands()

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def read(page: str) -> str:
    """Return the text of a page, such as ``docs/values.md``."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the code of a page in one language, block by block."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)


def prose(page: str) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", read(page))


def links(page: str) -> list[str]:
    """Return where the links and pictures of a page lead."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def first_column(page: str, heading: str) -> list[str]:
    """Return the names in the first column of the tables below a heading, up to the next heading of any level."""
    _, _, rest = read(page).partition(f"\n{heading}\n")
    section = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def anchors(page: str) -> set[str]:
    """Return the anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def target_of(link: str, page: str) -> tuple[Path, str] | None:
    """Return the file of the checkout to which a link leads, and its anchor; None for other sites."""
    path, _, anchor = link.partition("#")
    if path.startswith((HOME, RAW)):
        parts = urlsplit(path).path.split("/")[3:]  # without owner and name
        inside = parts[1:] if path.startswith(RAW) else parts[2:]  # without the branch, and "blob" or "tree"
        return ROOT.joinpath(*inside), anchor
    if "://" in path or path.startswith("mailto:"):
        return None
    return (ROOT / page).parent / path if path else ROOT / page, anchor
