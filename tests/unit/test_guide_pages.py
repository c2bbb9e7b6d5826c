"""Pages that speak of code and of each other: reasons, links, and configurations to copy."""

import re
from pathlib import Path

import pytest

from equalizer.config.load import load

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
REASONS = ROOT / "crates" / "core" / "src" / "persistence" / "reason.rs"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*/*.md")]


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page is called."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_reasons_are_those_of_the_engine() -> None:
    source = REASONS.read_text()
    words = dict(re.findall(r'Self::(\w+) => "(\w+)"', source))
    lost = re.findall(r"Self::(\w+)", source.partition("fn is_loss")[2].partition("}")[0])
    told = re.findall(r"^\| `(\w+)` \|.*\| (yes )?\|$", (GUIDE / "reasons.md").read_text(), re.MULTILINE)
    assert len(words) > len(lost) > 0
    assert told == [(word, "yes " if name in lost else "") for name, word in words.items()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_what_the_page_on_moving_accepts_can_be_written(tmp_path: Path) -> None:
    (text,) = re.findall(
        r"```toml\n(.*?)```", (GUIDE / "moving-from-other-balancers.md").read_text(), re.DOTALL
    )
    file = tmp_path / "equalizer.toml"
    file.write_text(text)
    accept = load(file).config.pools["shop"].sessions.accept
    assert [cookie.format for cookie in accept] == ["haproxy", "bigip"]
