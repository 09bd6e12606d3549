"""Take each defence away in turn, and see which test notices: ``python -m chaos.mutants [NAME …]``.

Each mutant is a copy of the plugin with one change. Exits with 1 where no test notices one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = Path("plugin/claimable_benefits")
_PATIENCE = 600  # seconds for the tests of one mutant


@dataclass(frozen=True)
class Mutant:
    """One defence less: in ``file``, ``before`` becomes ``after``; ``tests`` are those that should notice."""

    name: str
    file: str
    before: str
    after: str
    tests: str


MUTANTS = (
    Mutant(
        "the intention is not committed first",
        "service/redemption/redeem.py",
        "    if use and is_first:\n        return execute(ctx, use, actor, then=UseState.REDEEMED)\n    return _await_first",
        "        if use and is_first:\n            return execute(ctx, use, actor, then=UseState.REDEEMED)\n"
        "    return _await_first",
        "tests/service/test_redeem.py",
    ),
    Mutant(
        "a lease is not heeded",
        "ledger/optimistic_lock.py",
        "    return table.c.state == state, free, or_",
        "    return table.c.state == state, or_",
        "tests/service/test_doubt.py tests/ledger",
    ),
    Mutant(
        "no compare-and-set",
        "ledger/optimistic_lock.py",
        'where(same & (table.c.state == bindparam("seen_state")))',
        'where(key == bindparam("seen_key"))',
        "tests/ledger tests/service/test_doubt.py",
    ),
    Mutant(
        "a benefit may be held twice",
        "ledger/tables.py",
        "    uses.c.slot,\n    unique=True,",
        "    uses.c.slot,\n    unique=False,",
        "tests/ledger tests/service/test_collisions.py",
    ),
    Mutant(
        "a 503 means that nothing was applied",
        "omneo/outcomes.py",
        'return OutcomeUnknown("Omneo failed while it worked on this."',
        'return Unreachable("Omneo failed while it worked on this."',
        "tests/service/test_redeem.py tests/omneo/test_outcomes.py",
    ),
    Mutant(
        "a doubt is settled after ten seconds",
        "domain/resolution.py",
        "    if age < settle:",
        "    if age < timedelta(seconds=10):",
        "tests/domain/test_resolution.py tests/service/test_redeem.py",
    ),
    Mutant(
        "the outbox is written in a commit of its own",
        "service/orders/submit.py",
        '    submit_in(ctx, transaction, connection, actor="shop")',
        '    with ctx.ledger.write() as other:\n        submit_in(ctx, transaction, other, actor="shop")',
        "tests/service/test_deliver.py tests/outbox tests/test_extension.py",
    ),
    Mutant(
        "a lost answer is repeated blindly",
        "service/redemption/execution.py",
        "    except OutcomeUnknown as error:\n        return _handle_unknown(",
        "    except OutcomeUnknown as error:\n        _redeem(ctx, use)\n        return _handle_unknown(",
        "tests/service/test_redeem.py tests/model/test_crashes.py",
    ),
    Mutant(
        "each click gets a reference of its own",
        "service/redemption/redeem.py",
        "    if known := find_use(ctx, shopper, use_id):\n        return known_use(known)\n    wallet",
        "    use_id = f'{use_id[:30]}{ctx.clock().microsecond}'\n    wallet",
        "tests/service/test_redeem.py tests/web/test_over_the_sandbox.py",
    ),
    Mutant(
        "a late refusal of a reversal is taken for a yes",
        "service/redemption/rollback.py",
        "            pass  # the ten minutes",
        '            return "", "reversed"  # the ten minutes',
        "tests/service/test_doubt.py",
    ),
    Mutant(
        "what is settled is never looked for again",
        "service/recovery/sweep.py",
        "    return sum(_sweep(ctx, use) for use in ctx.until_stopping(due))",
        "    return 0 * len(due)",
        "tests/service/test_doubt.py",
    ),
    Mutant(
        "an answer that comes late is dropped",
        "service/redemption/execution.py",
        "            now_is = _read_again(ctx, use)\n    except LedgerUnavailable",
        "            break\n    except LedgerUnavailable",
        "tests/service/test_doubt.py",
    ),
    Mutant(
        "a gate's no keeps the reference",
        "service/redemption/execution.py",
        "    was_sent = error.status is not None",
        "    was_sent = False",
        "tests/service/test_redeem.py",
    ),
    Mutant(
        "one trace serves two undos",
        "domain/evidence.py",
        "        and redemption.id not in owned\n    ]\n    if not undone",
        "    ]\n    if not undone",
        "tests/service/test_doubt.py tests/domain/test_evidence.py",
    ),
    Mutant(
        "an undo in doubt takes another one's trace",
        "domain/evidence.py",
        "if len(undone) > rivals else UNCLEAR",
        "if undone else UNCLEAR",
        "tests/service/test_doubt.py tests/domain/test_evidence.py",
    ),
    Mutant(
        "a till's use is taken for ours",
        "domain/evidence.py",
        "if sent.baseline_remaining - remaining == 1 else UNCLEAR",
        "if sent.baseline_remaining - remaining >= 1 else UNCLEAR",
        "tests/domain/test_evidence.py",
    ),
    Mutant(
        "times of traces are read by our own clock",
        "service/lookup.py",
        "    return at + ctx.omneo.clock_ahead_of(ctx.clock())",
        "    return at",
        "tests/service/test_doubt.py",
    ),
    Mutant(
        "what was delivered is not read back",
        "service/delivery/verify.py",
        "    return sum(_verify(ctx, delivery) for delivery in ctx.until_stopping(due))",
        "    return 0 * len(due)",
        "tests/service/test_verify.py",
    ),
)


def main(names: list[str]) -> int:
    """Try the mutants whose names hold one of ``names``, or all; gives the exit code."""
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    survivors = 0
    for mutant in chosen:
        noticed = _try(mutant)
        survivors += noticed is None
        print(f"{'SURVIVES' if noticed is None else 'caught  '}  {mutant.name}\n          {noticed or '-'}", flush=True)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} mutants are caught.")
    return 1 if survivors else 0


def _try(mutant: Mutant) -> str | None:
    """The first test that fails with this defence gone; None where none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "plugin"
        shutil.copytree(ROOT / "plugin", copy, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "templates").symlink_to(ROOT / "templates")
        _change(copy / "claimable_benefits" / mutant.file, mutant)
        tests = [test for test in mutant.tests.split() if (ROOT / test).exists()]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    if ran.returncode and failed is None:
        raise SystemExit(f"{mutant.name}: the tests did not run.\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return failed.group(1) if failed else None


def _change(file: Path, mutant: Mutant) -> None:
    text = file.read_text("utf-8")
    if text.count(mutant.before) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} has changed; mend the mutant.")
    file.write_text(text.replace(mutant.before, mutant.after), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
