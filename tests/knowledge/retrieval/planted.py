"""Made-up answers in French about made-up price records, right or with one wrong figure planted, and where each figure is.

Nothing here reads numbers: the generator knows every figure because it wrote it, so it cannot share a mistake with
the reader under test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random

CENT = Decimal("0.01")
SWAPS = {"m²": "ml", "ml": "m²", "u": "m²", "m³": "m²", "kg": "m", "mm": "cm", "h": "m²", "dB": "mm", "mois": "jours"}


@dataclass(frozen=True)
class Figure:
    """A value as the answer is to say it; *derived* when it is computed rather than copied."""

    value: Decimal
    unit: str = ""
    decimals: int = 0
    derived: bool = False


@dataclass(frozen=True)
class Case:
    """One answer. *right* and *wrong* are the spans of its figures; *template* names how it was made."""

    template: str
    question: str
    sources: list[str]
    answer: str
    right: list[tuple[int, int]]
    wrong: tuple[int, int] | None
    mutation: str = ""


@dataclass(frozen=True)
class Part:
    name: str
    amount: Decimal
    unit: str
    price: Decimal

    @property
    def total(self) -> Decimal:
        return cents(self.amount * self.price)


@dataclass(frozen=True)
class Record:
    code: str
    name: str
    unit: str
    price: Decimal
    parts: list[Part]
    thick: int
    resistance: Decimal
    labour: Decimal
    rate: Decimal
    sound: int
    rebate: int


Piece = str | Figure
Template = Callable[["World"], list[Piece]]


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


class World:
    """Two records, a question about the first one, and the sources that describe them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        unit = random.choice(["m²", "ml", "u", "m³"])
        self.a, self.b = self._record(unit), self._record(unit)
        self.quantity = Decimal(random.choice([random.randint(13, 480), random.randint(130, 4800)])) / 10
        if random.random() < 0.5:
            self.quantity = Decimal(random.randint(13, 480))
        self.vat = random.choice([10, 20])
        self.question = f"Quel est le prix de {fr(self.quantity)} {self.a.unit} de {self.a.code}, TVA {self.vat} % ?"
        describe = random.choice([labelled, keyed, told])
        self.sources = [describe(self.a), describe(self.b)]

    def _record(self, unit: str) -> Record:
        r = self.random
        names = r.sample(
            ["Plaque", "Rail", "Montant", "Vis", "Enduit", "Bande", "Colle", "Isolant", "Joint"], r.randint(3, 5)
        )
        parts = [
            Part(
                name,
                Decimal(r.randint(2, 480)) / 10,
                r.choice(["m²", "ml", "u", "kg"]),
                Decimal(r.randint(12, 3900)) / 100,
            )
            for name in names
        ]
        return Record(
            code=f"{r.choice(['CLO', 'PLO', 'MAC', 'ELE'])}-{r.choice(['PLA', 'PVC', 'BET', 'TUB'])}-{r.randint(1, 999):03}",
            name=r.choice(["Cloison en plaques de plâtre", "Tube évacuation", "Dalle béton", "Chemin de câbles"]),
            unit=unit,
            price=Decimal(r.randint(350, 98000)) / 100,
            parts=parts,
            thick=r.randint(14, 320),
            resistance=Decimal(r.randint(105, 890)) / 100,
            labour=Decimal(r.randint(11, 290)) / 100,
            rate=Decimal(r.randint(3200, 6400)) / 100,
            sound=r.randint(31, 68),
            rebate=r.randint(3, 12),
        )


def fr(value: Decimal, decimals: int | None = None, space: str = "\u202f") -> str:
    """French text of a value, written without the product's own formatter."""
    text = format(value if decimals is None else value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP), "f")
    whole, _, rest = text.partition(".")
    groups = []
    while len(whole) > 3:
        groups.insert(0, whole[-3:])
        whole = whole[:-3]
    return space.join([whole, *groups]) + (f",{rest}" if rest else "")


def labelled(r: Record) -> str:
    lines = [f"{r.code} — {r.name}", f"Prix unitaire : {fr(r.price, 2)} €/{r.unit}", f"Composition pour 1 {r.unit} :"]
    lines += [
        f"- {p.name} : {fr(p.amount)} {p.unit} × {fr(p.price, 2)} €/{p.unit} = {fr(p.total, 2)} €" for p in r.parts
    ]
    lines.append(f"Main d'œuvre : {fr(r.labour)} h/{r.unit} à {fr(r.rate, 2)} €/h")
    return "\n".join([*lines, _specs(r)])


def keyed(r: Record) -> str:
    lines = [f"code: {r.code}", f"name: {r.name}", f"unit: {r.unit}", f"unit_price: {r.price:.2f}"]
    lines += [f"- {p.name} | {p.amount} | {p.unit} | {p.price:.2f} | {p.total:.2f}" for p in r.parts]
    lines.append(f"labour: {r.labour} h/{r.unit}, rate {r.rate:.2f} €/h")
    return "\n".join([*lines, _specs(r)])


def told(r: Record) -> str:
    parts = ", ".join(f"{fr(p.amount)} {p.unit} de {p.name.lower()} à {fr(p.price, 2)} €/{p.unit}" for p in r.parts)
    sums = " ; ".join(f"{p.name.lower()} {fr(p.total, 2)} €" for p in r.parts)
    return (
        f"{r.name} ({r.code}), {fr(r.price, 2)} € HT le {r.unit}. Comprend {parts}. Soit {sums}."
        f" Pose : {fr(r.labour)} h/{r.unit}, {fr(r.rate, 2)} €/h. {_specs(r)}"
    )


def _specs(r: Record) -> str:
    return (
        f"Épaisseur {r.thick} mm, R = {fr(r.resistance, 2)} m².K/W, affaiblissement {r.sound} dB,"
        f" deux couches, remise de {r.rebate} % dès 500 {r.unit}, garantie dix ans, norme NF EN 520, 12/03/2025."
    )


def unit_price(w: World) -> list[Piece]:
    return [f"Le prix de {w.a.name} ({w.a.code}) est de ", Figure(w.a.price, f"€/{w.a.unit}", 2), " HT [1]."]


def total(w: World) -> list[Piece]:
    q, p = w.quantity, w.a.price
    return [
        "Pour ", Figure(q, w.a.unit, _shown(q)), f" de {w.a.code}, il faut compter ", Figure(cents(q * p), "€", 2, True),
        " HT, à raison de ", Figure(p, f"€/{w.a.unit}", 2), " [1].",
    ]  # fmt: skip


def equation(w: World) -> list[Piece]:
    q, p = w.quantity, w.a.price
    return [
        "**Calcul**\n\n", Figure(q, w.a.unit, _shown(q)), " × ", Figure(p, f"€/{w.a.unit}", 2), " = ",
        Figure(cents(q * p), "€", 2, True), " HT [1]",
    ]  # fmt: skip


def with_tax(w: World) -> list[Piece]:
    before = cents(w.quantity * w.a.price)
    tax = cents(before * w.vat / 100)
    return [
        "- Montant HT : ", Figure(before, "€", 2, True), " [1]\n- TVA (", Figure(Decimal(w.vat), "%"), ") : ",
        Figure(tax, "€", 2, True), "\n- **Total TTC : ", Figure(before + tax, "€", 2, True), "**",
    ]  # fmt: skip


def parts_list(w: World) -> list[Piece]:
    pieces: list[Piece] = ["L'ouvrage comprend ", Figure(Decimal(len(w.a.parts))), " fournitures [1] :\n"]
    for p in w.a.parts:
        pieces += [
            f"- {p.name} : ",
            Figure(p.amount, p.unit, _shown(p.amount)),
            " × ",
            Figure(p.price, f"€/{p.unit}", 2),
        ]
        pieces += [" = ", Figure(p.total, "€", 2), "\n"]
    return [
        *pieces,
        "\nTotal des fournitures : ",
        Figure(sum((p.total for p in w.a.parts), Decimal(0)), "€", 2, True),
        ".",
    ]


def table(w: World) -> list[Piece]:
    pieces: list[Piece] = ["| Fourniture | Quantité | Prix | Total |\n| --- | ---: | ---: | ---: |\n"]
    for p in w.b.parts:
        pieces += [
            f"| {p.name} | ",
            Figure(p.amount, p.unit, _shown(p.amount)),
            " | ",
            Figure(p.price, f"€/{p.unit}", 2),
        ]
        pieces += [" | ", Figure(p.total, "€", 2), " |\n"]
    return [
        *pieces,
        "| **Total** | | | ",
        Figure(sum((p.total for p in w.b.parts), Decimal(0)), "€", 2, True),
        " |\n\n[2]",
    ]


def scaled(w: World) -> list[Piece]:
    first, second = w.a.parts[:2]
    q = w.quantity
    need, other = q * first.amount, q * second.amount
    return [
        "Pour ", Figure(q, w.a.unit, _shown(q)), ", prévoyez ", Figure(need, first.unit, _shown(need), True),
        f" de {first.name.lower()} et ", Figure(other, second.unit, _shown(other), True), f" de {second.name.lower()} [1].",
    ]  # fmt: skip


def difference(w: World) -> list[Piece]:
    high, low = max(w.a.price, w.b.price), min(w.a.price, w.b.price)
    share = ((high - low) / high * 100).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return [
        f"{w.a.code} [1] et {w.b.code} [2] coûtent ", Figure(high, "€", 2), " et ", Figure(low, "€", 2),
        " : l'écart est de ", Figure(high - low, "€", 2, True), ", soit ", Figure(share, "%", 1, True), ".",
    ]  # fmt: skip


def labour(w: World) -> list[Piece]:
    hours = w.quantity * w.a.labour
    return [
        "La pose demande ", Figure(hours, "h", _shown(hours), True), " de travail (", Figure(w.a.labour, f"h/{w.a.unit}", 2),
        "), soit ", Figure(cents(hours * w.a.rate), "€", 2, True), " à ", Figure(w.a.rate, "€/h", 2), " [1].",
    ]  # fmt: skip


def technical(w: World) -> list[Piece]:
    return [
        f"1. **{w.a.code}** : épaisseur ", Figure(Decimal(w.a.thick), "mm"), ", R = ", Figure(w.a.resistance, "m².K/W", 2),
        " et ", Figure(Decimal(w.a.sound), "dB"), " [1].\n2. Conforme à la norme NF EN 520, en ", Figure(Decimal(2)),
        " couches, garantie ", Figure(Decimal(10), "ans"), ", fiche du 12/03/2025.",
    ]  # fmt: skip


def converted(w: World) -> list[Piece]:
    thick = Decimal(w.b.thick) / 10
    return [f"{w.b.name} [2] : épaisseur de ", Figure(thick, "cm", _shown(thick), True), " environ, R de ", Figure(w.b.resistance, "m².K/W", 2), "."]  # fmt: skip


def span(w: World) -> list[Piece]:
    low, high = sorted([w.a.price, w.b.price])
    return ["Les prix vont de ", Figure(low, "€", 2), " à ", Figure(high, "€", 2), " HT selon l'ouvrage [1][2]."]


def rebated(w: World) -> list[Piece]:
    less = cents(w.a.price * (100 - w.a.rebate) / 100)
    return ["Avec la remise de ", Figure(Decimal(w.a.rebate), "%"), ", le prix passe de ", Figure(w.a.price, "€", 2), " à ", Figure(less, "€", 2, True), " [1]."]  # fmt: skip


def both(w: World) -> list[Piece]:
    return [
        "Les deux ouvrages ensemble reviennent à ",
        Figure(w.a.price + w.b.price, "€", 2, True),
        " l'unité d'œuvre [1][2].",
    ]


TEMPLATES: list[Template] = [
    unit_price, total, equation, with_tax, parts_list, table, scaled, difference, labour, technical, converted, span,
    rebated, both,
]  # fmt: skip


def right_case(random: Random, template: Template) -> Case:
    world = World(random)
    return _case(world, template, template(world), random)


def wrong_case(random: Random, template: Template) -> Case:
    """The same kind of answer with one figure changed into one that stands nowhere in sources, question or answer."""
    world = World(random)
    pieces = template(world)
    figures = [index for index, piece in enumerate(pieces) if isinstance(piece, Figure)]
    said = {piece.value for piece in pieces if isinstance(piece, Figure)} | _values(world)
    while True:
        index = random.choice(figures)
        figure = pieces[index]
        assert isinstance(figure, Figure)
        name, wrong = mutate(random, figure)
        if wrong.unit != figure.unit or (wrong.value not in said and wrong.value > 0):
            return _case(world, template, pieces, random, {index: wrong}, name)


def mutate(random: Random, figure: Figure) -> tuple[str, Figure]:
    """A slip that models make: a digit, two digits swapped, a shifted comma, one off, the wrong unit, made up."""
    digits = list(str(int(figure.value.scaleb(figure.decimals))))
    kind = random.choice(["digit", "digit", "swap", "shift", "near", "unit", "unit", "invented"])
    if kind == "digit":
        at = random.randrange(len(digits))
        digits[at] = random.choice([d for d in "123456789" if d != digits[at]])
    elif kind == "swap" and len(digits) > 1:
        at = random.randrange(len(digits) - 1)
        digits[at], digits[at + 1] = digits[at + 1], digits[at]
    elif kind == "shift":
        return kind, Figure(figure.value * random.choice([10, Decimal("0.1")]), figure.unit, max(figure.decimals, 2))
    elif kind == "near":
        digits = list(str(int("".join(digits)) + random.choice([1, -1, 2])))
    elif kind == "unit":
        top, _, bottom = figure.unit.rpartition("/")
        if bottom in SWAPS and not figure.derived:
            swapped = f"{top}/{SWAPS[bottom]}" if top else SWAPS[bottom]
            return kind, Figure(figure.value, swapped, figure.decimals)
    elif kind == "invented":
        digits = [str(random.randint(1, 9)) for _ in digits]
    value = Decimal(int("".join(digits))).scaleb(-figure.decimals)
    return kind, Figure(value, figure.unit, figure.decimals)


def _case(
    world: World,
    template: Template,
    pieces: list[Piece],
    random: Random,
    planted: dict[int, Figure] | None = None,
    mutation: str = "",
) -> Case:
    space = random.choice(["\u202f", "\u00a0", " ", ""])
    answer, right, wrong = "", list[tuple[int, int]](), None
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            answer += piece
            continue
        figure = (planted or {}).get(index, piece)
        text = fr(figure.value, figure.decimals, space)
        if space == "" and figure.unit.startswith("€") and random.random() < 0.4:
            text = text.replace(",", ".")
        start = len(answer)
        answer += f"{text}{random.choice([' ', chr(160)])}{figure.unit}" if figure.unit else text
        if planted and index in planted:
            wrong = (start, len(answer))
        else:
            right.append((start, len(answer)))
    return Case(template.__name__, world.question, world.sources, answer, right, wrong, mutation)


def _values(world: World) -> set[Decimal]:
    """Every value that the sources or the question state."""
    values = {world.quantity, Decimal(world.vat), Decimal(2), Decimal(10), Decimal(500), Decimal(1)}
    for r in (world.a, world.b):
        values |= {r.price, Decimal(r.thick), r.resistance, r.labour, r.rate, Decimal(r.sound), Decimal(r.rebate)}
        values |= {value for p in r.parts for value in (p.amount, p.price, p.total)}
    return values


def _shown(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))
