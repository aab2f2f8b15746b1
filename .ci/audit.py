"""Audits the locked packages: what can be judged offline always, known vulnerabilities if their service answers."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "requirements" / "dev.txt", ROOT / "requirements" / "uv.txt"]  # dev holds all the others


def pins(*locks: Path) -> dict[str, set[str]]:
    """The pinned versions of some locks, by name: a package may have one for each range of Pythons."""
    found: dict[str, set[str]] = {}
    for lock in locks:
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text("utf-8"), re.MULTILINE):
            found.setdefault(name, set()).add(version)
    return found


def installed_otherwise(pinned: dict[str, set[str]]) -> list[str]:
    """Packages whose installed version is not a locked one; those of other platforms are not installed at all."""
    installed = {re.sub(r"[-_.]+", "-", each.name).lower(): each.version for each in importlib.metadata.distributions()}
    return [
        f"{name}: locked {', '.join(sorted(versions))}, installed {installed[name]}"
        for name, versions in pinned.items()
        if name in installed and installed[name] not in versions
    ]


def ask_for_vulnerabilities(lock: Path) -> list[dict[str, Any]]:
    """What pip-audit says of each package of a lock; where nobody answers it, that each was skipped."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "audit.json")
        command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--require-hashes", "--disable-pip"]
        options = ["--format", "json", "--output", answer, "--progress-spinner", "off", "--timeout", "10"]
        subprocess.run([*command, *options], capture_output=True, timeout=300, check=False)
        if answer.exists():
            return list(json.loads(answer.read_text("utf-8"))["dependencies"])
    return [{"name": name, "skip_reason": "no answer"} for name in pins(lock)]


def verdict(answers: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """The vulnerable packages with the advisories' ids, and the packages that nobody looked at."""
    unseen = [each["name"] for each in answers if "skip_reason" in each]
    vulnerable = [
        f"{each['name']} {each['version']}: {found['id']}" for each in answers for found in each.get("vulns", [])
    ]
    return vulnerable, unseen


def main() -> int:
    """Print what was judged and what was not; 1 for a vulnerability or a package that is not the locked one."""
    locked = pins(*LOCKS)
    wrong = installed_otherwise(locked)
    print(f"audit: {len(locked)} locked packages, {len(wrong)} installed in another version", *wrong, sep="\n  ")
    answers = [each for lock in LOCKS for each in ask_for_vulnerabilities(lock)]
    vulnerable, unseen = verdict(answers)
    judged = len(answers) - len(unseen)
    elsewhere = sorted(set(locked) - {each["name"] for each in answers})
    print(f"audit: {len(vulnerable)} known vulnerabilities in the {judged} packages judged", *vulnerable, sep="\n  ")
    if unseen:
        print(f"audit: NOT JUDGED: from here no service for known vulnerabilities answered about {len(unseen)} of them")
    if elsewhere:
        print(f"audit: NOT ASKED, since they are for other systems or Pythons: {', '.join(elsewhere)}")
    return 1 if wrong or vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
