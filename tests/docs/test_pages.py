"""What the pages tell their readers to type exists, and so does every place they link to."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
import pytest

from common.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(`{3,})[a-z]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMENT = re.compile(r"\s+# .*$")
DESCRIBED: dict[str, Any] = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]


def command_lines(page: Path) -> list[str]:
    """The lines of a page's code blocks that begin with a command of ours, without prompt and comment."""
    lines = (
        COMMENT.sub("", line.removeprefix("$ ").strip())
        for _, block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for line in re.sub(r"\\\n\s*", "", block).splitlines()  # a line that goes on is one command
    )
    return [re.sub(r"^([A-Z_]+=\S+ )+", "", line).removeprefix(".venv/bin/") for line in lines]


def starting_with(word: str) -> list[Any]:
    return [
        pytest.param(line, id=f"{page.name}: {line[:60]}")
        for page in PAGES
        for line in command_lines(page)
        if line.startswith(f"{word} ")
    ]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_opens_with_a_title_and_what_it_is_for(page: Path) -> None:
    title, blank, first = page.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert not blank
    assert re.match(r"[A-Z`]", first), first


def test_every_page_is_in_the_readme() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{page.name})" in readme


def test_the_readme_is_short() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("line", starting_with("vayu"))
def test_vayu_understands_the_command(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *arguments = (word for word in shlex.split(line) if word != "…")
    monkeypatch.chdir(tmp_path)
    for word in arguments:
        if re.fullmatch(r"[\w*.-]+\.(csv|csv\.gz|parquet|xlsx)", word):
            Path(word).touch()
    command: click.Command = main
    context = click.Context(main, info_name="vayu", **main.context_settings)
    while isinstance(command, click.Group):
        name, subcommand, arguments = command.resolve_command(context, arguments)
        assert subcommand is not None
        command = subcommand
        context = click.Context(command, info_name=name, parent=context)
    if "…" in line:
        command.make_parser(context).parse_args(
            arguments
        )  # a part is left out: only what is there can be read
    else:
        command.make_context(context.info_name, arguments, parent=context.parent)


@pytest.mark.parametrize("line", starting_with("make"))
def test_make_knows_the_target(line: str) -> None:
    done = subprocess.run(
        ["make", "-n", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", starting_with("curl"))
def test_the_api_has_the_address(line: str) -> None:
    addresses = [urlsplit(word) for word in shlex.split(line) if word.startswith("http://127.0.0.1")]
    for address in addresses:
        if not address.path.startswith("/api/v1/"):
            continue
        path = address.path.removeprefix("/api/v1")
        matching = [
            pattern for pattern in DESCRIBED if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path)
        ]
        described = DESCRIBED[path if path in matching else matching[0]]
        called = described["post" if " -d " in line else "get"]
        parameters = {parameter["name"] for parameter in called.get("parameters", [])}
        assert {name for name, _ in parse_qsl(address.query)} <= parameters


def test_the_programs_that_are_named_exist() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    for module in set(re.findall(r"python -m (benchmarks[\w.]*)", text)):
        assert (ROOT / Path(*module.split("."))).with_suffix(".py").exists() or (
            ROOT / Path(*module.split(".")) / "__main__.py"
        ).exists(), module
    for script in set(re.findall(r"`(scripts/\w+)", text)):
        assert (ROOT / script).exists() or (ROOT / f"{script}.py").exists(), script
    for module in set(re.findall(r"`(common/[\w/]+\.py)`", text)):
        assert (ROOT / module).exists(), module
