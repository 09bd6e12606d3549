"""What the plugin adds to a process that has Flask, httpx and SQLAlchemy: time to import it, and memory once it serves.

The time is processor time. Memory is the private pages that one more worker writes to, as all workers share those of
files: of a worker that has served its benefits page, over a worker that has loaded the three libraries and served a
page of Flask and Jinja. The same over a worker that has also opened an HTTP client and a database is told beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.apps.page import CUSTOMER, HELD
from benchmarks.apps.shop import environment, settings
from benchmarks.figures import Figures, Scale
from benchmarks.servers import omneo

_IMPORT = """
import flask, httpx, sqlalchemy
import time
started = time.process_time()
import claimable_benefits
from claimable_benefits import ClaimableBenefits
print(1000 * (time.process_time() - started))
"""
_START = """
import flask, httpx, sqlalchemy.orm
import time
from benchmarks.apps import bare
app = bare.create_app()
app.secret_key = "a secret"
app.config.from_prefixed_env()
started = time.process_time()
from claimable_benefits import ClaimableBenefits
ClaimableBenefits().init_app(app)
print(1000 * (time.process_time() - started))
"""
_MEMORY = """
from pathlib import Path
lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
print(sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024)
"""
_WITHOUT = """
import flask, httpx, sqlalchemy.orm
from benchmarks.apps.bare import create_app
assert create_app().test_client().get("/account/benefits").status_code == 200
"""
_IN_USE = (
    _WITHOUT
    + """
client = httpx.Client()
connection = sqlalchemy.create_engine("sqlite://").connect()
"""
)
_WITH = """
import sys
import flask, httpx, sqlalchemy.orm
from benchmarks.apps.shop import Shop, create_app
shop = Shop(create_app())
for _ in range(3):
    shop.get(sys.argv[1])
"""


def measure(folder: Path, scale: Scale) -> Figures:
    """Start fresh processes in turn, after one that compiles everything and fills the disk's cache."""
    with omneo.running() as upstream:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env |= environment(settings(folder, upstream.base_url, kinds=HELD))
        env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        _run(_IMPORT, env)
        imports = [_run(_IMPORT, env) for _ in range(2 * scale.few)]
        starts = [_run(_START, env) for _ in range(scale.few)]
        memory = [[_run(code + _MEMORY, env) for code in (_WITH, _WITHOUT, _IN_USE)] for _ in range(scale.few)]
    return Figures(
        judged={
            "import_ms_over_deps": median(imports),
            "memory_mb_over_deps": median(ours - loaded for ours, loaded, _ in memory),
        },
        told={
            "memory_mb_over_deps_in_use": median(ours - used for ours, _, used in memory),
            "ms of a processor to import it and mount it on an app": median(starts),
        },
    )


def _run(code: str, env: dict[str, str]) -> float:
    command = [sys.executable, "-c", code, CUSTOMER]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603 - our own code
    return float(done.stdout.split()[-1])
