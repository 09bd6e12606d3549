"""``python -m benchmarks.report``: write ``benchmarks/latest.json`` into README.md and docs/performance.md.

The README gets three figures, the page the whole table and its picture. Each section stands between the two comments
that `BEGIN` and `END` show; everything else in the files stays. It exits with 1 where a file or a place is missing, or
where a figure misses its target and `benchmarks.report.table.REASONS` does not say why.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report.picture import picture
from benchmarks.report.table import headline, section, unexplained

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- speed: written by `python -m benchmarks.report` -->", "<!-- /speed -->"
PICTURE = "docs/images/speed.svg"
SECTIONS: dict[str, Callable[[dict[str, Any]], str]] = {"README.md": headline, "docs/performance.md": section}
_PLACE = re.compile(rf"<!-- speed: .*? -->\n.*?{re.escape(END)}", re.DOTALL)


def main(root: Path = ROOT) -> int:
    """Write both sections and the picture; return 1 where something is missing."""
    latest = root / "benchmarks" / "latest.json"
    if not latest.exists():
        return _complain("There is no benchmarks/latest.json: run `make bench` first.")
    found = json.loads(latest.read_text("utf-8"))
    texts = {name: (root / name).read_text("utf-8") for name in SECTIONS}
    for name, text in texts.items():
        if not _PLACE.search(text):
            return _complain(f"{name} has no place for the figures: put {BEGIN} and {END} where they are to stand.")
    for name, write in SECTIONS.items():
        before, after = _PLACE.split(texts[name], maxsplit=1)
        (root / name).write_text(f"{before}{BEGIN}\n{write(found)}\n{END}{after}", "utf-8")
    (root / PICTURE).write_text(picture(found["pages_ms"]), "utf-8")
    if names := unexplained(found):
        return _complain(f"Below their targets: {', '.join(names)}. Say why in REASONS of benchmarks/report/table.py.")
    return 0


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
