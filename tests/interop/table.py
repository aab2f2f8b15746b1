"""The table of docs/connect/README.md, made of the facts on top of the pages: `python -m tests.interop.table`."""

from __future__ import annotations

from pathlib import Path

from authserver import connect_pages

README = Path(__file__).parent.parent.parent / "docs" / "connect" / "README.md"
HEAD = ["| software | lines to set | measured with | |", "| --- | --- | --- | --- |"]


def rows() -> list[str]:
    """One line for each page, by title."""
    return [
        f"| [{page.title}]({page.name}.md) | {page.summary} | {page.tested} | {page.note} |".replace("  |", " |")
        for page in connect_pages.pages().values()
    ]


def written() -> list[str]:
    """The lines that stand there."""
    return [line for line in README.read_text("utf-8").splitlines() if line.startswith("| [")]


def main() -> None:
    text, _, _ = README.read_text("utf-8").partition("| software |")
    README.write_text("\n".join([text + HEAD[0], HEAD[1], *rows()]) + "\n", "utf-8")


if __name__ == "__main__":
    main()
