"""What a call costs in dollars, from a price list that is shipped and dated by its version. Nothing is fetched."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .endpoints import Endpoint, is_private
from .models import Provider, Usage

CENT_FRACTION = Decimal("0.000001")  # ai_cost_tracking.cost_usd is numeric(12,6)
SELF_HOSTED = "self-hosted"


@dataclass(frozen=True, slots=True)
class Price:
    """``cost_usd`` is None when the list does not know the model: an unknown price is not zero."""

    cost_usd: Decimal | None
    version: str


def is_billed(provider: Provider, server: str) -> bool:
    """Whether somebody sends a bill: not for the embedded, scripted and Ollama's models, nor for private servers."""
    return provider in (Provider.OPENAI, Provider.ANTHROPIC) and not is_private(server)


def price(provider: Provider, server: str, model: str, usage: Usage) -> Price:
    """The price of *usage* at *server* now."""
    if not is_billed(provider, server):
        return Price(Decimal(0), SELF_HOSTED)
    import genai_prices  # 12 MB of prices, wanted only by those who pay

    version = f"genai-prices {genai_prices.__version__}"
    counts = genai_prices.Usage(
        input_tokens=usage.input,
        cache_read_tokens=usage.cached_input,
        cache_write_tokens=usage.cache_write,
        output_tokens=usage.output,
    )
    try:
        found = genai_prices.calc_price(counts, model, provider_api_url=server)
    except LookupError:
        return Price(None, f"{version}: unknown model")
    return Price(found.total_price.quantize(CENT_FRACTION, ROUND_HALF_UP), version)


def context_of(endpoint: Endpoint) -> int | None:
    """Tokens that a sold model reads, from the same list; None when it is not in it. Slow the first time."""
    if not is_billed(endpoint.name.provider, endpoint.url):
        return None
    import genai_prices

    counts = genai_prices.Usage(input_tokens=1)
    try:
        found = genai_prices.calc_price(counts, endpoint.name.model, provider_api_url=endpoint.url)
    except LookupError:
        return None
    return found.model.context_window
