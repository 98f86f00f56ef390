"""Rules for prose: what people write around a secret, in English and in other languages.

A word of prose after the name of a secret is none: a value counts only if it has letters and digits, and where only a blank separates
them, only if it also looks chosen or random.
"""

from __future__ import annotations

from typing import Final

from notification_operator.domain.redaction.families.assignments import MIXED, NO_FACT
from notification_operator.domain.redaction.rule import FRESH, REAL, Hints, Rule, rule, sample

_END = r"\s\"'`,;<>&"
_VALUE = rf"[^{_END}]"
_CHOSEN = rf"{MIXED}(?=[^{_END}A-Z!$%+*~^?#_]{{0,64}}+[A-Z!$%+*~^?#_])(?!(?:SHA|AES|RSA|MD|HS|RS|ES|TLS|HTTP)[0-9/-])"
"""Letters, digits, and a capital or a special character: a password, and no name of an object."""
_RANDOM = (
    r"(?=[A-Za-z0-9_+/=~-]{16})(?:(?=[0-9a-f]{32})|(?=[^\s0-9]{0,64}+[0-9])(?=[^\sA-Z]{0,64}+[A-Z])(?=[^\sa-z]{0,64}+[a-z]))"
    r"(?![0-9]{4}-[0-9]{2}-)"
)
"""At least 16 characters with small letters, capitals and digits, or 32 hexadecimal digits."""
_QUOTE = r"[\"'`„“«]?"
_IS = r"(?:[ \t]*[:：=][ \t]*|[ \t]++(?:is now|is|was|ist|lautet|est|es|é|to)[ \t:]++|[は是는은][ \t]*)"

RULES: Final[tuple[Rule, ...]] = (
    rule(
        "foreign_password",
        "passwor passord kennwor mot mdp contrase clave senha palavra wachtwoord has?o haslo paro l?senord losenord adgangskode salasana"
        " heslo jelsz sifre ?ifre geheim ??",
        r"(?P<keep>[pPkKmMcCsSwWhHlLaAjJşŞпПgG密口パ비](?:(?<![A-Za-z0-9].)|(?<=[密口パ비]))(?i:(?<=p)assworte?t?(?<!word)|(?<=p)assord|(?<=k)ennwort"
        r"|(?<=m)ot de passe|(?<=m)dp|(?<=c)ontrase[ñn]a|(?<=c)lave|(?<=s)enha|(?<=p)alavra-passe|(?<=w)achtwoord|(?<=h)as[łl]o|(?<=h)eslo"
        r"|(?<=п)ароль|(?<=p)arola(?: d['’]ordine)?|(?<=l)[öo]senord|(?<=a)dgangskode|(?<=s)alasana|(?<=j)elsz[óo]|(?<=[şs])ifre"
        rf"|(?<=g)eheimnis|(?<=密)[码碼]|(?<=口)令|(?<=パ)スワード|(?<=비)밀번호)(?:{_IS}|(?P<blank>[ \t]++)){_QUOTE})"
        rf"(?(blank){_CHOSEN}){NO_FACT}{MIXED}{REAL}{FRESH}{_VALUE}{{5,}}+",
        example="Das Passwort ist pa55word",
        counter_example="Passwort: abgelaufen, mot de passe incorrect, clave: G",
    ),
    rule(
        "password_in_prose",
        "passw passphrase passcode pw pass",
        r"(?P<keep>[pP](?<![A-Za-z0-9].)(?i:ass(?:word|phrase|code)?|w)(?:[ \t]*(?:→|->|—|–)[ \t]*|[ \t]++-[ \t]++|(?:[ \t]*\([\w ,.-]{1,32}+\)|[ \t]++(?:for|of|on) [\w.@-]{1,64}+)?[ \t]*[:=][ \t]*"
        rf"|[ \t]++(?:for (?:[\w.@-]{{1,64}}+ ){{1,3}}?)?(?:(?:(?:is|was|has been|has|got) )?(?:set|changed|reset) to|is now|is|was)[ \t:]++|(?P<blank>[ \t]++)){_QUOTE})"
        rf"(?(blank){_CHOSEN}){NO_FACT}{MIXED}{REAL}{FRESH}{_VALUE}{{5,}}+",
        example="admin password Pa55word did not work; pw: pa55word",
        counter_example="password SHA-256, password v2, pw is unknown",
    ),
    rule(
        "key_in_prose",
        "api access secret licen deploy master signing encrypt recovery account webhook client service bearer auth",
        r"(?P<keep>(?i:api|access|secret|licen[sc]e|deploy|master|signing|encryption|recovery|account|webhook|client|service|bearer|auth)(?:[ \t]++|-)"
        r"(?i:key|token|secret|code)(?:[ \t]*[:=][ \t]*|[ \t]++is(?: now)?[ \t:]++)[\"'`]?)"
        rf"{NO_FACT}{MIXED}{REAL}{FRESH}{_VALUE}{{8,}}+",
        example="the API key is " + sample(24),
        counter_example="the API key is missing, access key: rotated",
    ),
    rule(
        "random_in_prose",
        "token secret key passw",
        r"(?P<keep>(?:[tT]oken|[sS]ecret|[kK]ey|[pP]assword)[ \t]++[\"'`(]?)"
        rf"{_RANDOM}{FRESH}[A-Za-z0-9_+/=~-]{{16,}}+(?![\w.:(])",
        example="token " + sample(24, "a1B2c3D4") + " was refused",
        counter_example="secret cart-db-7d4b9c6f5d-kk8zl, key orders/2026/11/25",
    ),
    rule(
        "credential_pair",
        "cred zugangsdaten login log user auth-user-pass",
        r"(?P<keep>(?:[cC]red(?:ential)?s?|[zZ]ugangsdaten|[lL]og ?in|user/pass(?:word)?|auth-user-pass)(?=[ \t:]):?[ \t]++(?:(?:are|with|as|is|of)[ \t:]++)?"
        rf"[\w.@-]{{1,64}}+[ \t]?[/:][ \t]?){_CHOSEN}{NO_FACT}{REAL}{FRESH}{_VALUE}{{6,}}+",
        example="creds: admin / Pa55word",
        counter_example="login: failed for user jane, credentials: shop/cart-db",
    ),
)
