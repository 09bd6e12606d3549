"""Nothing in the checkout is a secret, or points to a place that packages come from."""

from __future__ import annotations

import re

import pytest

from tests.meta.checkout import ROOT, files

SECRETS = {
    "a cloud key": r"\b(AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of a code host": r"\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,}|glpat-[\w-]{20,})",
    "a key of a payment provider": r"\b[sr]k_live_[A-Za-z0-9]{16,}",
    "a key of a model": r"\bsk-[A-Za-z0-9_-]{20,}",
    "a token of a chat": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a signed web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a long bearer token": r"\bBearer [\w.~+/-]{24,}",
}
REGISTRIES = (
    r"https?://[^\s/\"'<>]*(pypi|pythonhosted|npmjs|artifactory|jfrog|nexus|devpi|registry|anaconda)[^\s\"'<>]*"
)
SAMPLES = {
    "a cloud key": "AKIA" + "A1" * 8,
    "a token of a code host": "ghp_" + "a1" * 18,
    "a key of a payment provider": "sk_live_" + "a1" * 8,
    "a key of a model": "sk-" + "a1" * 10,
    "a token of a chat": "xoxb-" + "1" * 10,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a signed web token": "eyJ" + "a" * 10 + ".eyJ" + "b" * 10 + "." + "c" * 10,
    "a long bearer token": "Bearer " + "a1" * 12,
}


def found(pattern: str) -> list[str]:
    """Where the pattern stands: file and what was found, cut short."""
    seek = re.compile(pattern)
    return [
        f"{path}: {hit.group()[:24]}"
        for path in files()
        for hit in seek.finditer((ROOT / path).read_text(encoding="utf-8", errors="ignore"))
    ]


@pytest.mark.parametrize("kind", SECRETS)
def test_no_file_holds_a_secret(kind: str) -> None:
    assert found(SECRETS[kind]) == []


@pytest.mark.parametrize("kind", SECRETS)
def test_such_a_secret_would_be_found(kind: str) -> None:
    assert re.search(SECRETS[kind], f"token = '{SAMPLES[kind]}'")


def test_no_file_points_to_a_place_that_packages_come_from() -> None:
    assert found(REGISTRIES) == []


def test_the_lock_file_names_no_index() -> None:
    lines = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines()

    assert [
        line for line in lines if re.match(r"\s*(-i\b|-f\b|--(extra-)?index-url|--find-links|--trusted-host)", line)
    ] == []


def test_the_lock_file_pins_every_package_with_its_hashes() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]

    assert packages
    assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []
