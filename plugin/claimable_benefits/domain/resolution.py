"""When to look again after a lost answer, and when to believe what is seen (reliability, state machines).

A request whose answer was lost may still be under way behind a slow proxy. So what is not there is believed only after
the settle window, on two looks; and what was believed is looked for a while longer, in gaps that grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# Absent is believed only after this many looks, all of them later than the settle window.
ABSENT_POLLS = 2
POLL_GAP = timedelta(seconds=10)
# What stays unclear this long will not clear up by itself.
UNCLEAR_FOR = timedelta(minutes=25)
# The sweep looks 1, 2.5, 5, 8, 11, 15, 20 and 25 minutes after the end. Each gap counts from the look before it, so
# that a clock that jumps costs one look, not all of them.
SWEEP_GAPS = tuple(timedelta(minutes=gap) for gap in (1, 1.5, 2.5, 3, 3, 4, 5, 5))


@dataclass(frozen=True, slots=True)
class NextPoll:
    """How to go on after a look that found nothing: look again in ``again_in``, or believe it (None).

    ``looks`` counts those that were late enough to be believed.
    """

    after: timedelta | None
    polls: int


def after_absence(age: timedelta, polls: int, trust_absence_after: timedelta, gap: timedelta = POLL_GAP) -> NextPoll:
    """What follows when nothing is there ``age`` after it was sent, with ``looks`` late looks before this one."""
    if age < trust_absence_after:
        return NextPoll(min(trust_absence_after - age, gap), polls)
    polls += 1
    return NextPoll(gap if polls < ABSENT_POLLS else None, polls)


def next_sweep(sweeps: int, gaps: tuple[timedelta, ...] = SWEEP_GAPS) -> timedelta | None:
    """How long after look number ``sweeps`` the next one follows; None where that was the last."""
    return gaps[sweeps] if sweeps < len(gaps) else None
