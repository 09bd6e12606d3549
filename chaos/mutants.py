"""Remove each safeguard in turn, and see which test fails: ``python -m chaos.mutants [NAME …]``.

Each mutant is a copy of the plugin with one change. The exit code is 1 where a mutant survives.
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
_TIMEOUT = 600  # seconds for the tests of one mutant


@dataclass(frozen=True)
class Mutant:
    """One safeguard less: in ``file``, ``before`` becomes ``after``; one of ``tests`` should fail then."""

    name: str
    file: str
    before: str
    after: str
    tests: str


MUTANTS = (
    Mutant(
        "the intention is not committed first",
        "service/redemption/redeem.py",
        "    if use and is_first:\n        return execute(ctx, use, actor, then=UseState.REDEEMED)\n    return _await",
        "        if use and is_first:\n            return execute(ctx, use, actor, then=UseState.REDEEMED)\n"
        "    return _await",
        "tests/service/redemption/test_redeem.py",
    ),
    Mutant(
        "a lease is not heeded",
        "ledger/optimistic_lock.py",
        "in_state.where(is_free, is_due)",
        "in_state.where(is_due)",
        "tests/service/recovery tests/service/redemption tests/ledger",
    ),
    Mutant(
        "no compare-and-set",
        "ledger/optimistic_lock.py",
        'where(same & (table.c.state == bindparam("seen_state")))',
        'where(key == bindparam("seen_key"))',
        "tests/ledger tests/service/recovery tests/service/redemption",
    ),
    Mutant(
        "a benefit may be held twice",
        "ledger/tables.py",
        "    uses.c.slot,\n    unique=True,",
        "    uses.c.slot,\n    unique=False,",
        "tests/ledger tests/service/redemption tests/service/delivery",
    ),
    Mutant(
        "a 503 means that nothing was applied",
        "omneo/outcomes.py",
        'return OutcomeUnknown("Omneo failed while it worked on this."',
        'return NotApplied("Omneo failed while it worked on this."',
        "tests/service/redemption/test_redeem.py tests/omneo/test_outcomes.py",
    ),
    Mutant(
        "absence counts after ten seconds",
        "domain/resolution.py",
        "    if age < trust_absence_after:",
        "    if age < timedelta(seconds=10):",
        "tests/domain/test_resolution.py tests/service/redemption/test_redeem.py",
    ),
    Mutant(
        "the outbox is written in a commit of its own",
        "service/orders/submit.py",
        '    submit_in(ctx, transaction, connection, actor="shop")',
        '    with ctx.ledger.write() as other:\n        submit_in(ctx, transaction, other, actor="shop")',
        "tests/service/delivery tests/ledger/session_hooks tests/test_extension.py",
    ),
    Mutant(
        "a lost answer is repeated blindly",
        "service/redemption/execution.py",
        "    except OutcomeUnknown as error:\n        return _handle_unknown(",
        "    except OutcomeUnknown as error:\n        _redeem(ctx, use)\n        return _handle_unknown(",
        "tests/service/redemption/test_redeem.py tests/model/test_crashes.py",
    ),
    Mutant(
        "each click gets a reference of its own",
        "service/redemption/redeem.py",
        "    if known := find_use(ctx, shopper, use_id):\n        return repeated_outcome(known)\n    wallet",
        "    use_id = f'{use_id[:30]}{ctx.clock().microsecond}'\n    wallet",
        "tests/service/redemption/test_redeem.py tests/web/test_over_the_sandbox.py",
    ),
    Mutant(
        "a late refusal of a reversal is taken for a yes",
        "service/redemption/rollback.py",
        "    except Rejected as error:\n        return",
        "    except Rejected as error:\n        if is_reversal:\n"
        '            return _rolled_back(ctx, sent, actor, "reversed", None)\n        return',
        "tests/service/redemption/test_rollback.py",
    ),
    Mutant(
        "a return follows a refused reversal without a look",
        "service/redemption/rollback.py",
        "    except Rejected as error:\n        return",
        "    except Rejected as error:\n        if is_reversal:\n"
        "            return _send(ctx, sent, actor, is_reversal=False)\n        return",
        "tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "what was left before a rollback is ignored",
        "domain/uses_left.py",
        "    if doubt.baseline is not None and record.remaining is not None:",
        "    if doubt.baseline is None and record.remaining is not None and doubt.baseline is not None:",
        "tests/domain/test_uses_left.py tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "two rollbacks of one benefit are asked for at once",
        "service/redemption/rollback.py",
        "        if moving_uses(connection, use, read_at):\n            return None\n",
        "",
        "tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "a redeem goes out without a baseline",
        "service/redemption/redeem.py",
        "                raise unavailable(use_id, name) from error",
        '                return {"baseline_remaining": None}',
        "tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "an answer without a list is absence",
        "omneo/codec.py",
        "    if isinstance(value, list) or (isinstance(value, dict) and value):",
        "    if value is None or isinstance(value, list | dict):",
        "tests/omneo/test_pagination.py tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "each doubt is decided alone",
        "service/lookup.py",
        "    return own, [use, *(one for one in own if one.state is UseState.IN_DOUBT)]",
        "    return own, [use]",
        "tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "one redemption is assigned to two uses",
        "domain/uses_left.py",
        "        free.remove(chosen)\n",
        "",
        "tests/domain/test_uses_left.py",
    ),
    Mutant(
        "what is left is read while it changes",
        "service/lookup.py",
        " and before.remaining == after.remaining",
        "",
        "tests/service/recovery/test_awkward_tenant.py",
    ),
    Mutant(
        "what is resolved is never looked up again",
        "service/recovery/sweep.py",
        "    return each_row(ctx, due, _sweep, set_swept_use_aside)",
        "    return 0 * len(due)",
        "tests/service/recovery tests/service/redemption",
    ),
    Mutant(
        "an answer that comes late is dropped",
        "service/redemption/execution.py",
        "            current = _reread(ctx, use)\n    except LedgerUnavailable",
        "            break\n    except LedgerUnavailable",
        "tests/service/recovery tests/service/redemption",
    ),
    Mutant(
        "a 401, 403 or 429 keeps the reference",
        "service/redemption/execution.py",
        "    was_sent = error.status is not None",
        "    was_sent = False",
        "tests/service/redemption/test_redeem.py",
    ),
    Mutant(
        "one rollback is evidence for two uses",
        "domain/uses_left.py",
        "_rollbacks_listed(record, since - SKEW) if one.id not in owned]",
        "_rollbacks_listed(record, since - SKEW)]",
        "tests/service/recovery tests/service/redemption tests/domain/test_uses_left.py",
    ),
    Mutant(
        "a rollback in doubt takes the evidence of another one",
        "domain/uses_left.py",
        "    if len(listed) > doubt.concurrent:",
        "    if listed:",
        "tests/domain/test_uses_left.py",
    ),
    Mutant(
        "a till's use is taken for ours",
        "domain/uses_left.py",
        " if least <= number <= most]",
        " if number <= most]",
        "tests/domain/test_uses_left.py",
    ),
    Mutant(
        "times of evidence are read by our own clock",
        "service/lookup.py",
        "    ahead = ctx.omneo.clock_ahead_of(ctx.clock())",
        "    ahead = timedelta(0)",
        "tests/service/recovery",
    ),
    Mutant(
        "a row that raises stops the others",
        "service/isolation.py",
        "    except Exception as error:  # noqa: BLE001 - whatever is wrong with this row",
        "    except ZeroDivisionError as error:  # whatever is wrong with this row",
        "tests/service/worker/test_isolation.py",
    ),
    Mutant(
        "what was delivered is not read back",
        "service/delivery/verify.py",
        "    return each_row(ctx, due, _verify, set_verified_aside)",
        "    return 0 * len(due)",
        "tests/service/delivery/test_verify.py",
    ),
)


def main(names: list[str]) -> int:
    """Test the mutants whose names contain one of ``names``, or all; return the exit code."""
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    survivors = 0
    for mutant in chosen:
        failed = _first_failure(mutant)
        survivors += failed is None
        print(f"{'SURVIVED' if failed is None else 'killed  '}  {mutant.name}\n          {failed or '-'}", flush=True)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} mutants were killed.")
    return 1 if survivors else 0


def _first_failure(mutant: Mutant) -> str | None:
    """Return the first test that fails without this safeguard; None where all pass."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "plugin"
        shutil.copytree(ROOT / "plugin", copy, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / "templates").symlink_to(ROOT / "templates")
        file = copy / "claimable_benefits" / mutant.file
        file.write_text(mutate(mutant, file.read_text("utf-8")), "utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests.split()]
        environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    if ran.returncode and failed is None:
        raise SystemExit(f"{mutant.name}: the tests did not run.\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return failed.group(1) if failed else None


def mutate(mutant: Mutant, text: str) -> str:
    """Return the text with the change. Raises `SystemExit` unless it contains what is to change exactly once."""
    if text.count(mutant.before) != 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} has changed; mend the mutant.")
    return text.replace(mutant.before, mutant.after)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
