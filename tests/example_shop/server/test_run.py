"""The services in one process: their data folder, their ports, and the Omneo of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from example_shop.server.run import OUR_FILES, OmneoIncomplete, empty, omneo_settings, start
from example_shop.server.serving import PortTaken, reserve


def test_another_start_keeps_the_data_and_reset_deletes_it(tmp_path: Path) -> None:
    keys = []
    for reset in (False, False, True):
        with start(data=tmp_path, reset=reset, environ={}):
            keys.append((tmp_path / "secret.key").read_text())

    assert keys[0] == keys[1]
    assert keys[1] != keys[2]


def test_emptying_the_data_folder_leaves_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    (tmp_path / "other.sqlite3").write_text("mine")
    for name in OUR_FILES:
        (tmp_path / name).write_text("ours")
    empty(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary.txt", "other.sqlite3"]


def test_a_port_is_ours_or_taken() -> None:
    with reserve(0) as ours:
        port = ours.getsockname()[1]
        with pytest.raises(PortTaken) as raised:
            reserve(port)

    assert port == raised.value.port


@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        ({}, {}),
        ({"OMNEO_TIMEZONE": "UTC"}, {}),
        ({"OMNEO_BASE_URL": "u", "OMNEO_TOKEN": "t", "HOME": "/"}, {"OMNEO_BASE_URL": "u", "OMNEO_TOKEN": "t"}),
        ({"OMNEO_TENANT": "x", "OMNEO_TOKEN": "t"}, {"OMNEO_TENANT": "x", "OMNEO_TOKEN": "t"}),
    ],
)
def test_the_environment_names_an_omneo_or_none(environ: dict[str, str], settings: dict[str, str]) -> None:
    assert settings == omneo_settings(environ)


def test_an_omneo_without_a_token_is_incomplete() -> None:
    with pytest.raises(OmneoIncomplete, match="OMNEO_TOKEN is missing"):
        omneo_settings({"OMNEO_BASE_URL": "u"})
