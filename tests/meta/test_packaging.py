"""The wheel holds what the folders hold, and works in an environment that has no checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.meta.checkout import ROOT, files

PAGE = """
import json, sys
import httpx
from flask import Flask
import claimable_benefits
from claimable_benefits import ClaimableBenefits, Shopper
from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.web.rendering.templates import templates_folder

app = Flask("shop", instance_path=sys.argv[1], root_path=sys.argv[1])
app.config.update(SECRET_KEY="s", OMNEO_BASE_URL="http://127.0.0.1/api/v3", OMNEO_TOKEN="sandbox-token",
                  BENEFITS_WORKER="off")
benefits = ClaimableBenefits(transport=httpx.WSGITransport(app=create_sandbox(seed="demo")))
benefits.shopper_loader(lambda: Shopper("1001", name="Mia Ngo"))
benefits.init_app(app)
page = app.test_client().get("/account/benefits")
files = [app.test_client().get(f"/account/benefits/static/{name}") for name in ("benefits.css", "benefits.js")]
print(json.dumps({
    "package": claimable_benefits.__file__,
    "templates": str(templates_folder()),
    "status": [page.status_code, *(file.status_code for file in files)],
    "html": page.text,
    "checkouts": [entry for entry in sys.path if entry.rstrip("/").endswith("/plugin")],
}))
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout, so that nothing that happens to lie about gets in."""
    copy, made = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for path in files():
        (copy / path.parent).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, copy / path)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", made, cwd=copy)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page says in an environment that holds the wheel, and borrows its dependencies from this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    site = Path(run(python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A folder in a .pth file is searched, but its own .pth files, such as the checkout's, are not.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (folder / "page.py").write_text(PAGE, encoding="utf-8")
    said: dict[str, Any] = json.loads(run(python, "-I", folder / "page.py", folder, cwd=folder))
    return said | {"site": str(site)}


def contents(wheel: Path, inside: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(inside)]
        return {name.removeprefix(inside): archive.read(name) for name in names}


def folder(path: str) -> dict[str, bytes]:
    within = [file for file in files() if file.is_relative_to(path)]
    return {file.relative_to(path).as_posix(): (ROOT / file).read_bytes() for file in within}


def test_the_wheel_holds_every_template_as_it_stands_in_the_folder(wheel: Path) -> None:
    templates = folder("templates")

    assert templates
    assert contents(wheel, "claimable_benefits/templates/") == templates


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = contents(wheel, "claimable_benefits/")

    ours = {name: held for name, held in package.items() if not name.startswith("templates/")}
    assert ours == folder("plugin/claimable_benefits")
    assert {"py.typed", "static/benefits.css", "static/benefits.js"} < set(ours)


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in contents(wheel, "")}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"claimable_benefits"}
    assert len(tops) == 2


def test_the_wheel_brings_its_licence_and_asks_for_its_python(wheel: Path) -> None:
    about = next(text.decode() for name, text in contents(wheel, "").items() if name.endswith("/METADATA"))

    assert "License-Expression: MIT" in about
    assert "Requires-Python: >=3.11" in about
    assert [name for name in contents(wheel, "") if name.endswith("/licenses/LICENSE")]


def test_an_installed_wheel_renders_the_page_from_inside_itself(installed: dict[str, Any]) -> None:
    assert installed["status"] == [200, 200, 200]
    assert "Free Shipping" in installed["html"]
    assert "/account/benefits/static/benefits.css" in installed["html"]


def test_an_installed_wheel_uses_nothing_of_the_checkout(installed: dict[str, Any]) -> None:
    package = Path(installed["site"]) / "claimable_benefits"

    assert installed["package"] == str(package / "__init__.py")
    assert installed["templates"] == str(package / "templates")
    assert installed["checkouts"] == []
