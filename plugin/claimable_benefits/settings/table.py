"""Every setting: one table that the code, the documentation and ``flask benefits doctor`` read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the app's configuration: what it takes, its default, what it is for."""

    key: str
    kind: str
    default: Any
    sentence: str


TABLE: tuple[Setting, ...] = (
    Setting("OMNEO_TENANT", "name", None, "Your tenant's name: the API is reached at api.NAME.getomneo.com."),
    Setting(
        "OMNEO_BASE_URL", "url", None, "The API's address, where it is not the tenant's usual one; ends in /api/v3."
    ),
    Setting("OMNEO_TOKEN", "text", None, "An API token of the tenant. Required."),
    Setting(
        "OMNEO_PROXY",
        "environment, off or url",
        "environment",
        "Which proxy leads to Omneo: the one that HTTPS_PROXY and NO_PROXY name, none, or this one.",
    ),
    Setting("OMNEO_DIALECT", "auto, guide or reference", "auto", "Which of Omneo's two sets of paths to use."),
    Setting(
        "OMNEO_IDENTITY_HANDLE", "text", "ecommerce", "The identity handle under which Omneo knows your customers."
    ),
    Setting(
        "OMNEO_TIMEZONE", "zone", "UTC", "The time zone in which times are sent, and shown to shoppers without one."
    ),
    Setting(
        "OMNEO_DATES", "utc or echo", "utc", "Whether the tenant answers in UTC or echoes the times that were sent."
    ),
    Setting(
        "OMNEO_WEBHOOK_SECRET",
        "text",
        None,
        "The secret with which Omneo signs its webhooks; without it the endpoint is off.",
    ),
    Setting(
        "BENEFITS_DATABASE_URL",
        "url",
        None,
        "The database of the ledger: the one in which your orders are. Default: Flask-SQLAlchemy's, else required.",
    ),
    Setting(
        "BENEFITS_POLICIES", "path", None, "The policy file: what each kind of benefit is worth, and where it is used."
    ),
    Setting("BENEFITS_HOLD_MINUTES", "whole number", 30, "How long an applied benefit stays reserved for its cart."),
    Setting(
        "BENEFITS_ORDER_GRACE_MINUTES", "whole number", 8, "How long an order may stay open after its benefit was used."
    ),
    Setting(
        "BENEFITS_RESOLVE_SECONDS",
        "whole number",
        90,
        "How long after a lost answer a missing redemption may still appear at Omneo.",
    ),
    Setting("BENEFITS_FORM_MINUTES", "whole number", 120, "How long a page's buttons stay valid."),
    Setting(
        "BENEFITS_CACHE_SECONDS",
        "whole number",
        60,
        "How long a wallet is fresh; after that it is read again. 0: it is never cached.",
    ),
    Setting(
        "BENEFITS_CACHE_STALE_MINUTES",
        "whole number",
        60,
        "How old a wallet may be that is shown, with its age, while Omneo does not answer.",
    ),
    Setting(
        "BENEFITS_CACHE_MEGABYTES", "whole number", 16, "About how much memory each process uses for cached wallets."
    ),
    Setting(
        "BENEFITS_CACHE_URL",
        "url",
        None,
        "A Valkey or Redis in which all processes share cached wallets, such as redis://localhost:6379/0.",
    ),
    Setting(
        "BENEFITS_PAGE_BUDGET_MS",
        "whole number",
        400,
        "How many milliseconds a known shopper's page waits for Omneo at most.",
    ),
    Setting(
        "BENEFITS_WAITING_THREADS",
        "whole number",
        4,
        "How many threads of a process may wait for Omneo at once: about a quarter of its threads.",
    ),
    Setting(
        "BENEFITS_LOGIN_URL", "page", "/login", "Where a guest signs in; the page to return to is added as ?next=."
    ),
    Setting("BENEFITS_CHECKOUT_URL", "page", "/checkout", "Where your checkout page is."),
    Setting(
        "BENEFITS_ORDER_URL", "page", "", "Where an order's page is, such as /orders/{order_number}; empty: no links."
    ),
    Setting("BENEFITS_BASE_TEMPLATE", "template", "claimable_benefits/base.html", "The layout that our pages extend."),
    Setting("BENEFITS_NAIVE_TIMEZONE", "zone", "UTC", "The time zone of times that your shop gives without one."),
    Setting("BENEFITS_LOCALE", "locale", "en", "How dates and amounts are written for shoppers without a locale."),
    Setting(
        "BENEFITS_WORKER",
        "embedded, celery or off",
        "embedded",
        "What delivers and resolves: a thread of each process, Celery, or only `flask benefits work`.",
    ),
    Setting("BENEFITS_WORKER_SECONDS", "whole number", 1, "How often the embedded worker looks for work."),
    Setting(
        "BENEFITS_RECONCILE",
        "report, repair or off",
        "report",
        "Whether the worker compares shop, ledger and Omneo once a day, and corrects differences.",
    ),
    Setting(
        "BENEFITS_KEEP_DAYS",
        "whole number",
        None,
        "How many days finished uses and delivered transactions are kept, at least 90. Default: for ever.",
    ),
    Setting(
        "BENEFITS_REFERENCE_PREFIX",
        "text",
        "shop",
        "The beginning of our references at Omneo; another one for each of your shops.",
    ),
    Setting(
        "BENEFITS_ORDER_PREFIX",
        "text",
        "",
        "What stands before order numbers at Omneo, such as b-: for a tenant with another shop of the same numbers.",
    ),
)
