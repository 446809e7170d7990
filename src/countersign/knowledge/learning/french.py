"""How questions are worded in French."""

from __future__ import annotations

from .wording import UNITS, Lexicon, classes, each, pattern, phrases, words

# Polite beginnings, whole ones only: "donner" and "chercher" elsewhere are what the question is about.
_WISH = (
    r"(?:voudrais|aimerais|souhaite|souhaiterais|veux|d[eé]sire|cherche\s+[aà]|voudrions|aimerions|souhaitons"
    r"|(?:aurais|ai)\s+besoin\s+de)"
)
_SAY = r"(?:dire|indiquer|pr[eé]ciser|expliquer|rappeler|donner|communiquer)"

FRENCH = Lexicon(
    phrases=phrases(
        *UNITS,
        (rf"\b(?:pouvez|pourriez|peux|pourrais)[- ](?:vous|tu)\s+(?:me|m'|nous)\s*{_SAY}\b(?:\s+si\b)?", " "),
        (rf"\b(?:merci\s+de|veuillez)\s+(?:me|m'|nous)\s*{_SAY}\b(?:\s+si\b)?", " "),
        (r"\b(?:dites|indiquez|pr[eé]cisez|rappelez)[- ](?:moi|nous)\b(?:\s+si\b)?", " "),
        (rf"\b(?:je|j'|nous)\s*{_WISH}\s+(?:savoir|conna[iî]tre)\b(?:\s+si\b)?", " "),
        (r"\b(?:savez-vous|j'ai une question|s'il (?:vous|te) pla[iî]t)\b", " "),
        (
            r"\b(?:(?:peut|doit)\s+)?dur(?:er|e|ent)\s+combien\s+de\s+temps(?:\s+au\s+(maxi|mini)mum)?\b",
            lambda found: f" ; quelle durée {found[1] + 'mum' if found[1] else ''} ",
        ),
        (r"\bcombien\s+de\s+temps\b([^.;:?]*?)\bdur(?:er|e|ent)\b", r" quelle durée \1"),
        (
            r"\b(?:pendant\s+)?combien\s+de\s+temps\b|\bcombien\s+(?:peut\s+|doit\s+)?dur(?:er|e|ent)\b",
            " quelle durée ",
        ),
        (r"\bquelle durée\b([^.;:?0-9]*?)\bau (maxi|mini)mum\b", r" quelle durée \2mum \1"),
        (r"\bcombien\s+de\s+fois\b", " quel nombre fois ; "),
        (r"\bcombien\s+(?:co[uû]te(?:nt)?|va(?:ut|lent))(?:-t-(?:il|elle)s?)?\b", " quel prix "),
        (r"\b(?:co[uû]te(?:nt)?|va(?:ut|lent))\s+combien\b", " quel prix "),
        (r"\b[àa]\s+combien\s+s'[eé]l[eè]ve(?:nt)?(?:-t-(?:il|elle)s?)?\b", " quel montant "),
        (r"\b[àa]\s+quel(?:le)?s?\s+(?:moment|date)\b|\b[àa]\s+partir\s+de\s+quand\b", " ; quand "),
        (r"\bde\s+quelle\s+(?:mani[eè]re|fa[cç]on)\b", " ; comment "),
        (r"\bpour\s+quelles?\s+raisons?\b", " ; pourquoi "),
        (
            r"\bque\s+se\s+passe(?:ra)?-t-il\b|\bqu'arrive(?:ra)?-t-il\b|\bque\s+devien(?:t|nent)\b",
            " ; quelles conséquences ",
        ),
        (r"\b(?:peut|peuvent)(?:-\w+)?\s+pr[eé]tendre\b", " droit "),
        (
            r"\b(?:a|ai|as|ont|avons|avez)(?:-t-(?:il|elle|on)|-(?:ils|elles|je|tu|nous|vous))?\s+le\s+droit\s+d(?:e\b|')",
            " peut ",
        ),
        (r"\bfaire\s+figurer\b", "figurer"),
        (r"\btomb(?:e|er|é|ée)\s+(?=malade)", " est "),
        (r"\bqu'est-ce\s+qu[ei']?", " quel "),
        (
            r"\b(?:en|dans le) cas d(?:e\b|u\b|')|\blors d(?:e\b|u\b|es\b|')"
            r"|\bdans le cadre d(?:e\b|u\b|')|\ben mati[eè]re d(?:e\b|')",
            " ; ",
        ),
        (r"\bau\s+cours\s+d(?:e\b|u\b|es\b|')", " pendant "),
        (r"\baujourd'hui\b", " "),
    ),
    holding=words(
        """le la les un une des du de au aux a et l d s t c j m son sa ses mon ma mes notre nos votre vos leur leurs
        ce cet cette ces cela ca que qu qui se si je tu te me nous vous ils elles on il elle y en dont lequel laquelle
        lesquels lesquelles auquel duquel quel quelle quels quelles quoi est sont soit etre avoir ai avons avez ont
        existe existent donc alors quand lorsque lorsqu exactement actuellement
        bonjour bonsoir salut merci svp stp cordialement"""
    ),
    turning={
        **each("avec pas non ni jamais plus moins avant apres sous par ne ou contre entre sans hors"),
        **classes("aucun aucune", "sauf excepte hormis", "pendant durant"),
    },
    leading=each("dans sur pour chez vers via selon à"),
    modals=classes(
        "peut peuvent peux pouvons pouvez pouvoir pourrait possible possibilite permis autorise autorisee",
        "doit doivent dois devons devez devoir devrait faut oblige obligee obligatoire obligatoirement obligation",
    ),
    asking=each("quand comment pourquoi où qui combien"),
    which=words("quel quelle quels quelles quoi lesquels lesquelles lequel laquelle que"),
    being=words("etre est sont soit"),
    same=classes(
        "prix tarif tarifs",
        "duree durees dure durent durer",
        "maximum maximal maximale maximales maximaux maxi max",
        "minimum minimal minimale minimales minimaux mini min",
        "contenir contient contiennent comprend comprennent comprendre inclut incluent inclure",
        "totalite integralite entierement integralement",
        "recherche recherches rechercher cherche chercher",
        "absenter absente absentent absence absences",
        "rompre rompt rupture ruptures rompu rompue",
        "poser pose poses posent",
        "payer paiement paiements",
        "conge conges",
        "salarie salaries salariee salariees",
        "cours",
        "fils",
    ),
    floating=frozenset(("totalite",)),
    roots={
        **classes("embauch recrut", "calcul determin"),
        **each("renouvel demission licenci attribu execut indemnis cumul resili modifi annul"),
        **each("rembours remplac declar prolong verifi prepar transfer"),
    },
    lettered=words("classe type categorie niveau groupe zone serie lot option annexe bloc phase modele"),
    inverted=pattern(r"-t-(?:il|elle|on)s?\b|\w-(?:il|elle|on|je|nous|vous|ce)s?\b|\best-ce\s+qu[e']|\bfaut-il\b"),
    follows=pattern(
        r"^\W*(?:et|mais|alors|idem|pareil|sinon)\b"
        r"|\b(?:celui|celle|ceux|celles|cela|ça|ce dernier|cette dernière|ces derniers|ces dernières)\b"
        r"|(?<!-)\b(?:il|elle|ils|elles) (?!y a|faut|est possible|est obligatoire|existe)"
        r"|^\W*(?:(?:quand|comment|pourquoi|combien|où|(?:(?:à|de|pour)\s+)?quel(?:le)?s?\s+\w+)\s+)?(?!faut|existe|agit)\w+"
        r"(?:-t)?-(?:il|elle)s?\b(?!\s+(?:possible|obligatoire|permis|interdit|n[eé]cessaire|utile))"
    ),
)
