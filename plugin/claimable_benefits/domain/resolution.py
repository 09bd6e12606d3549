"""When to look up a lost answer again, and when absence counts as proof (reliability, state machines).

A request whose answer was lost may still be under way behind a slow proxy. So absence counts only after
``trust_absence_after``, in two lookups; and the sweep looks up the resolved row several more times after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# How many lookups, all later than ``trust_absence_after``, must find nothing.
ABSENT_POLLS = 2
POLL_GAP = timedelta(seconds=10)
# What is unclear for this long goes to manual review.
UNCLEAR_FOR = timedelta(minutes=25)
# And what Omneo answers, and nobody can read, for a day: a page of a maintenance in place of its answer ends sooner.
UNREADABLE_FOR = timedelta(days=1)
# The sweep looks up a row 1, 2.5, 5, 8, 11, 15, 20 and 25 minutes after it was resolved. Each gap counts from the
# lookup before it, so that a clock that jumps costs one lookup, not all of them.
SWEEP_GAPS = tuple(timedelta(minutes=gap) for gap in (1, 1.5, 2.5, 3, 3, 4, 5, 5))


@dataclass(frozen=True, slots=True)
class NextPoll:
    """What follows a lookup that found nothing: another one ``after`` that time, or none (None).

    ``polls`` counts the lookups that were late enough to count.
    """

    after: timedelta | None
    polls: int


def after_absence(age: timedelta, polls: int, trust_absence_after: timedelta, gap: timedelta = POLL_GAP) -> NextPoll:
    """Decide what follows when nothing is there ``age`` after the request, with ``polls`` late lookups before."""
    if age < trust_absence_after:
        return NextPoll(min(trust_absence_after - age, gap), polls)
    polls += 1
    return NextPoll(gap if polls < ABSENT_POLLS else None, polls)


def next_sweep(sweeps: int, gaps: tuple[timedelta, ...] = SWEEP_GAPS) -> timedelta | None:
    """Return the gap after sweep number ``sweeps``; None where that was the last."""
    return gaps[sweeps] if sweeps < len(gaps) else None
