# SPDX-License-Identifier: Apache-2.0
"""The pages say what the code does: derived ones are current, names exist, links lead on, messages are explained."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbx_otel import settings
from dbx_otel.launch.interpreter import DEFAULTS
from scripts.docs_lib import command
from scripts.docs_lib.settings_page import default_reasons

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "dbx_otel"
DOCS = ROOT / "docs"
PAGES = sorted(
    [*ROOT.glob("*.md"), *DOCS.glob("**/*.md"), *(ROOT / "examples").glob("**/*.md"), *ROOT.glob("benchmarks/*.md")]
)
MODULES = sorted(SOURCE.glob("**/*.py"))

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
VARIABLE = re.compile(r"DBX_OTEL_[A-Z][A-Z_]*")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_derived_pages_are_current() -> None:
    assert command.stale_pages() == [], "run scripts/generate-docs"


def test_the_check_fails_where_a_page_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DOCS", tmp_path)
    assert command.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0
    (tmp_path / "settings.md").write_text("another text")
    assert command.main(["--check"]) == 1


def test_the_script_is_the_same_check() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "generate-docs", "--check"], check=False)
    assert done.returncode == 0


def test_each_default_for_libraries_has_its_reason() -> None:
    reasons = default_reasons()
    assert set(reasons) == set(DEFAULTS)
    assert all(len(reason) > 20 for reason in reasons.values())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_settings_that_are_mentioned_exist(page: Path) -> None:
    known = {row.variable for row in settings.table()}
    mentioned = set(VARIABLE.findall(page.read_text(encoding="utf-8")))
    # What the launcher tells the Pythons that it leads to is no setting.
    assert {variable for variable in mentioned if not variable.startswith("DBX_OTEL_RUN")} <= known


def test_switches_that_the_code_asks_for_are_listed() -> None:
    asked = {
        found
        for module in MODULES
        for found in re.findall(r'lifecycle\.disables\("([\w-]+)"\)', module.read_text(encoding="utf-8"))
    }
    assert asked
    page = (DOCS / "instrumentations.md").read_text(encoding="utf-8")
    assert {word for word in asked if f"| `{word}` |" not in page} == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    assert [link for link in LINK.findall(text) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    if re.match(r"https?://", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or ROOT not in [target, *target.parents]:
        return False
    return not anchor or anchor in anchors(target)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_page_can_be_found_from_the_index() -> None:
    linked = set(LINK.findall((DOCS / "index.md").read_text(encoding="utf-8")))
    assert {page.name for page in DOCS.glob("*.md")} - linked == {"index.md"}


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_every_module_says_what_it_is(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", "?")) or "\n\n" not in docstring
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    requirements = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *(item for extra in project["project"]["optional-dependencies"].values() for item in extra),
        *(item for group in project["dependency-groups"].values() for item in group),
    ]
    packages = {re.split(r"[<>=!~ \[;]", requirement)[0] for requirement in requirements}
    explained = set(re.findall(r"`([\w.-]+)`", (DOCS / "dependencies.md").read_text(encoding="utf-8")))
    assert packages - explained == set()


def messages() -> Iterator[tuple[str, str]]:
    """Where each message stands in the code, and the longest piece of it that is always the same."""
    for module in (path for path in MODULES if not {"local", "cli"} & set(path.relative_to(SOURCE).parts)):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and called(node) in {"say", "_say", "_fail", "_problem", "Problem"}:
                for argument in node.args:
                    if pieces := fixed_pieces(argument):
                        yield f"{name(module)}:{node.lineno}", max(pieces, key=len)


def called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def fixed_pieces(argument: ast.expr) -> list[str]:
    """The first sentence of each fixed piece of a message."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        values = [argument]
    elif isinstance(argument, ast.JoinedStr):
        values = [part for part in argument.values if isinstance(part, ast.Constant)]
    else:
        return []
    pieces = (re.split(r"[.:;(]", str(part.value))[0].strip(" :'.,;()") for part in values)
    return [piece for piece in pieces if " " in piece]


@pytest.mark.parametrize(("where", "piece"), [pytest.param(*found, id=found[0]) for found in messages()])
def test_every_message_is_explained(where: str, piece: str) -> None:
    page = " ".join((DOCS / "troubleshooting.md").read_text(encoding="utf-8").split())
    assert piece in page, f"{where} says {piece!r}, which docs/troubleshooting.md does not explain"
