"""A real instance with its demonstration, a scripted model that speaks steadily, and a real Chromium."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from tests.stack.instance import Instance, call

EMAIL, PASSWORD = "claire.roux@tenant.example", "correct horse battery"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ANSWERS = {
    "réponse longue sur": "Une réponse qui n’en finit pas, mot après mot. " * 200,
    "montre le tableau": "## Le prix\n\n| Poste | Total |\n|---|---:|\n| Rail | 3,21 € |\n\n1. tracer\n2. poser\n\n```\nprix * 25 # <b>\n```\n\n"
    "![pixel](https://outside.example/p.png) <img src='https://outside.example/i.png'> [la notice](https://outside.example/n) "
    "[1](https://outside.example/1) et [1]. " + "Fin de la réponse. " * 12,
    "quel est le délai": "Comptez **3 jours** pour la cloison, à 999,99 € par personne [1].",
    "combien en tout": "Pour **25 m²** de CLO-PLA-001 : 25 × 45,50 = 1 173,50 € [1]. Le délai est de 9 semaines.\n\n"
    "CLO-PLA-002 est à 45,50 €/m². La TVA à 20 % sur 1 137,50 € est de 227,50 €.",
    "combien vaut le m² du mur": "Le mur vaut 54,50 €/m² [1].",
    "se retire le badge": "Le badge se retire à cet endroit [1].",
    "prix au m² de la cloison": "Le prix unitaire de **CLO-PLA-001** figure dans sa fiche [1]. " * 25,
    "CLO-PLA-001": "Le prix unitaire de **CLO-PLA-001** figure dans sa fiche [1], avec sa composition complète. " * 3,
}
TRIED = {"expert-btp": "Quel est le prix de la cloison CLO-PLA-001 ?", "support": "Comment connecter Ollama ?"}
RATE = 25  # words a second: a reader sees them come
PATIENCE = 60_000  # milliseconds, for what takes one on a machine that has nothing else to do
expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the instance is, a token for its API, and its database as the owner sees it."""

    url: str
    token: str
    owner_url: str

    def search(self, agent: str, words: str) -> list[dict[str, object]]:
        """What the agent finds now."""
        query = urllib.parse.urlencode({"q": words})
        request = urllib.request.Request(f"{self.url}/api/v1/agents/{agent}/search?{query}")
        request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["items"]


@pytest.fixture(scope="session")
def scripted() -> Iterator[str]:
    """Address of the scripted model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [f"--answer={pattern}={answer}" for pattern, answer in ANSWERS.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.scripted_model", f"--port={port}", f"--rate={RATE}", *words]
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="session")
def site(scripted: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The instance, its price library indexed if that is quick."""
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip(f"{CHROMIUM} is not installed here")
    home = tmp_path_factory.mktemp("browser") / "home"
    settings = {
        "admin_email": EMAIL,
        "admin_password": PASSWORD,
        "model": "scripted:steady",
        "model_url": scripted,
        "fallback_model": "local:smollm2",
        "first_token_timeout": "120",
        "answer_timeout": "300",
        "allow_private_addresses": "true",  # receivers of webhooks listen on this machine
    }
    with Instance(home, "--demo", **settings) as instance:
        made = call("token", "create", "--home", home, "--email", EMAIL, "--name", "browser")
        found = Site(instance.url, made.stdout.strip(), instance.status()["services"]["postgres"]["owner_url"])
        # Embedding is all work: on a loaded machine the tests begin before it is done, as people would.
        until = time.monotonic() + 120
        while time.monotonic() < until and not all(_indexed(found, *tried) for tried in TRIED.items()):
            time.sleep(0.5)
        yield found


def _indexed(site: Site, agent: str, words: str) -> bool:
    return any(item["vector_rank"] is not None for item in site.search(agent, words))


def _wait_for(port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the scripted model did not start")


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    """Chromium, for one test."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        await opened.close()


Open = Callable[..., AbstractAsyncContextManager[Page]]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Open:
    """``async with open_page(width=360, theme="dark", locale="fr", signed_in=True) as page``.

    What the console complains of fails the test: a broken policy, a missing file, an error of ours; with *refused* not
    that a form was sent back, which it calls an error too.
    """

    @asynccontextmanager
    async def opening(
        *,
        width: int = 1440,
        theme: str = "light",
        locale: str = "fr",
        signed_in: bool = True,
        script: bool = True,
        refused: bool = False,
    ) -> AsyncIterator[Page]:
        context = await browser.new_context(
            base_url=site.url,
            viewport={"width": width, "height": 900 if width > 500 else 740},
            color_scheme=theme,  # type: ignore[arg-type]
            locale=locale,
            java_script_enabled=script,
            timezone_id="Europe/Paris",
        )
        context.set_default_timeout(PATIENCE)
        complaints: list[str] = []
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def hear(said: ConsoleMessage) -> None:
            sent_back = refused and re.search(r"status of 4(09|22)", said.text)
            if said.type == "error" and not sent_back:
                complaints.append(said.text)

        page.on("console", hear)
        if signed_in:
            await sign_in(page)
        yield page
        assert complaints == []
        await context.close()

    return opening


async def sign_in(page: Page, password: str = PASSWORD, path: str = "/sign-in", email: str = EMAIL) -> None:
    """Fills in the form and sends it."""
    await page.goto(path)
    await page.fill("#email", email)
    await page.fill("#password", password)
    await page.click("form[action='/sign-in'] button")
