"""Runs every measurement, one after the other, and writes docs/benchmarks.md. ``python -m bench NAME…`` runs some."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE.parent / "docs" / "benchmarks.json"
PARTS = {"__init__", "__main__", "common", "paced", "questions"}
HEAD = """# Benchmarks

Written by `make bench`: ratios and times of one run each, beside their limit or peer. A bar that is missed stays here
with its reason until the code is faster.
"""


def main() -> None:
    """Exit code 1 when a script fails; a missed bar is reported, not hidden."""
    names = sys.argv[1:] or sorted(file.stem for file in HERE.glob("*.py") if file.stem not in PARTS)
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    failed: list[str] = []
    for name in names:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory() as place:
            out = Path(place) / "out.json"
            subprocess.run([sys.executable, "-m", f"bench.{name}", "--json", str(out)], check=False)
            if out.exists():
                known[name] = {**json.loads(out.read_text()), "reasons": known.get(name, {}).get("reasons", {})}
            else:
                failed.append(name)
    RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n")
    REPORT.write_text(report(known))
    if failed:
        sys.exit(f"these measurements failed: {', '.join(failed)}")


def report(known: dict[str, Any]) -> str:
    """The page: a table a script. *reasons* in the results' file explain missed bars by their row's name."""
    parts = [HEAD]
    for name, result in sorted(known.items()):
        parts.append(
            f"## {name}\n\n{result['date']} · {result['machine']}\n\n"
            "| figure | value | bar | |\n| --- | ---: | --- | --- |"
        )
        for row in result["rows"]:
            value = f"{row['value']:.3f}" if row["unit"] in ("", "x") else f"{row['value']:.1f} {row['unit']}"
            verdict = {True: "ok", False: "**missed**", None: ""}[row["ok"]]
            why = result.get("reasons", {}).get(row["name"], "")
            note = "; ".join(part for part in (verdict, row["note"], why) if part)
            parts.append(f"| {row['name']} | {value} | {row['bar']} | {note} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    main()
