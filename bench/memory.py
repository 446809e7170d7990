"""How much memory an instance holds after twenty questions: resident bytes of each part with its children.

What processes share (PostgreSQL's buffers, program code) is counted for each of them, so the sums are upper bounds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx

from bench.chat_overhead import bearer, indexed
from bench.common import Bench
from countersign.stack.memory import resident
from tests.stack.instance import Instance, call

CODES = ("CLO-PLA-001", "CLO-PLA-002", "MAC-PAR-001", "CAR-SOL-001", "PEI-MUR-001")
QUESTIONS = [
    text.format(code)
    for code in CODES
    for text in (
        "Quel est le prix au m² de {} ?",
        "De quoi se compose {} ?",
        "Combien coûtent 25 m² de {} ?",
        "Quelle main d'œuvre pour {} ?",
    )
]
PATIENCE = 900.0  # seconds for one answer: a loaded machine may be slow, its memory is the same
BAR = 450.0  # MB, web and worker together
PEER = 825.0  # MB, Open WebUI on the same machine, without its database and model


async def main(bench: Bench) -> None:
    """Prints every part before and after the questions, and web and worker together beside their bar."""
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        settings = {"admin_email": "bench@example.org", "admin_password": "bench-password"}
        settings |= {"answer_timeout": str(PATIENCE), "first_token_timeout": str(PATIENCE)}
        with Instance(home, "--demo", **settings) as instance:
            made = call("token", "create", "--email", "bench@example.org", "--name", "bench", "--home", home)
            async with httpx.AsyncClient(base_url=instance.url, headers=bearer(made.stdout), timeout=PATIENCE) as api:
                await indexed(home)
                before = parts(instance)
                for question in QUESTIONS:
                    session = (await api.post("/api/v1/agents/expert-btp/sessions")).json()["uuid"]
                    path = f"/api/v1/sessions/{session}/messages"
                    (await api.post(path, json={"content": question})).raise_for_status()
            after = parts(instance)
        for name, held in after.items():
            bench.row(name, held, "MB", "", None, f"{before[name]:.0f} before the questions")
        ours = after["web"] + after["worker"]
        bench.row("web and worker", ours, "MB", f"<= {BAR:.0f}", ours <= BAR, f"Open WebUI {PEER:.0f}")
        bench.row("everything", sum(after.values()), "MB", "", None)


def parts(instance: Instance) -> dict[str, float]:
    """Resident megabytes by part; the supervisor is ``up``."""
    processes: dict[str, int] = instance.status()["processes"]
    held = {name: resident(pid, descendants=True) / 1e6 for name, pid in processes.items()}
    return {**held, "up": resident(instance.process.pid) / 1e6}


if __name__ == "__main__":
    Bench.run(__file__, main)
