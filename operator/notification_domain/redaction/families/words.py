"""Rules for prose: what people write around a secret, in English and in other languages.

A word of prose after the name of a secret is none: a value counts only if it has letters and digits, and where only a blank separates
them, only if it also looks chosen or random.
"""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.families.assignments import MIXED, NO_FACT
from notification_domain.redaction.rule import FRESH, REAL, Rule, rule, sample

_END = r"\s\"'`,;<>&"
_VALUE = rf"[^{_END}]"
_CHOSEN = rf"{MIXED}(?=[^{_END}A-Z!$%+*~^?#_]{{0,64}}+[A-Z!$%+*~^?#_])(?!(?:SHA|AES|RSA|MD|HS|RS|ES|TLS|HTTP)[0-9/-])"
"""Letters, digits, and a capital or a special character: a password, and no name of an object."""
_QUOTE = r"[\"'`„“«]?"
_IS = r"(?:[ \t]*[:\uff1a=][ \t]*|[ \t]++(?:is now|is|was|ist|lautet|est|es|é|to)[ \t:]++|[は是는은][ \t]*)"

_PAIR = rf":?[ \t]++(?:(?:are|with|as|is|of)[ \t:]++)?[\w.@-]{{1,64}}+[ \t]?[/:][ \t]?){_CHOSEN}{NO_FACT}{REAL}{FRESH}{_VALUE}{{6,}}+"
"""A name and a password, with which the group `keep` ends."""
_KINDS = (
    "(?:"
    + "|".join(
        f"(?<=(?i:{kind})[ -].)"
        for kind in (
            *(
                "api",
                "access",
                "secret",
                "license",
                "licence",
                "deploy",
                "master",
                "signing",
                "encryption",
                "recovery",
            ),
            *(
                "account",
                "webhook",
                "client",
                "service",
                "server",
                "shared",
                "storage",
                "session",
                "admin",
                "backup",
            ),
        )
    )
    + ")"
)
"""The kinds of a key or a code that is a secret."""

RULES: Final[tuple[Rule, ...]] = (
    rule(
        "foreign_password",
        "passwort passord kennwor mot mdp contrase clave senha palavra wachtwoord has?o haslo paro l?senord losenord adgangskode salasana"
        " heslo jelsz sifre ?ifre geheim ??",
        r"(?P<keep>[pPkKmMcCsSwWhHlLaAjJşŞпПgG密口パ비](?:(?<![A-Za-z0-9].)|(?<=[密口パ비]))(?i:(?<=p)assworte?t?(?<!word)|(?<=p)assord|(?<=k)ennwort"
        r"|(?<=m)ot de passe|(?<=m)dp|(?<=c)ontrase[ñn]a|(?<=c)lave|(?<=s)enha|(?<=p)alavra-passe|(?<=w)achtwoord|(?<=h)as[łl]o|(?<=h)eslo"
        r"|(?<=п)ароль|(?<=p)arola(?: d['\u2019]ordine)?|(?<=l)[öo]senord|(?<=a)dgangskode|(?<=s)alasana|(?<=j)elsz[óo]|(?<=[şs])ifre"
        rf"|(?<=g)eheimnis|(?<=密)[码碼]|(?<=口)令|(?<=パ)スワード|(?<=비)밀번호)(?:{_IS}|(?P<blank>[ \t]++)){_QUOTE})"
        rf"(?(blank){_CHOSEN}){NO_FACT}{MIXED}{REAL}{FRESH}{_VALUE}{{5,}}+",
        example="Das Passwort ist pa55word",
        counter_example="Passwort: abgelaufen, mot de passe incorrect, clave: G",
    ),
    rule(
        "password_in_prose",
        "password␠ password( pass␠ pass: pass= pass( passphrase␠ passphrase: passphrase= passphrase( passcode␠ passcode: passcode= passcode("
        " pw␠ pw: pw= pw(",
        r"(?P<keep>[pP](?:(?<![A-Za-z0-9].)|(?<=[a-z]P))(?i:ass(?:word|phrase|code)?|w)(?=[^\w.\"'])(?![ ]?[:=][ ]?\[)(?: (?:→|->|—|\u2013|-)[ ]++"
        r"|(?: \([\w ,.-]{1,32}+\)[ ]?|[ ]++(?:for|of|on) [\w.@-]{1,64}+[ ]?| |(?<!(?i:ord)))[:=][ ]?"
        r"|[ ]++(?:for (?:[\w.@-]{1,64}+ ){1,3}?)?(?:(?:(?:is|was|has been|has|got) )?(?:set|changed|reset) to|is now|is|was)[ \t:]++"
        rf"|(?P<quoted>(?:[ ]++|[ ]?\([ ]?)(?=[\"'][^\s\"'\\]{{4,256}}+[\"']))|(?P<blank>[ ]++)){_QUOTE})"
        rf"(?(quoted){REAL}|(?(blank){_CHOSEN}){NO_FACT}{MIXED}{REAL}){FRESH}[^{_END}\\]{{4,}}+",
        example="admin password Pa55word did not work; pw: pa55word; WITH PASSWORD 'opensesame'",
        counter_example='password SHA-256, password v2, pw is unknown, column "password" does not exist',
    ),
    rule(
        "key_in_prose",
        "key code",
        rf"(?P<keep>[kKcC](?<=[ -].){_KINDS}(?i:(?<=k)ey|(?<=c)ode)(?:[ \t]*[:=][ \t]*|[ \t]++is(?: now)?[ \t:]++)[\"'`]?)"
        rf"{NO_FACT}{MIXED}{REAL}{FRESH}{_VALUE}{{8,}}+",
        example="the API key is " + sample(24),
        counter_example="the API key is missing, access key: rotated, sort key: a1b2c3d4",
    ),
    rule(
        "credential_pair",
        "cred zugangsdaten user/pass",
        r"(?P<keep>[cCzZuU](?<!\w.)(?i:(?<=c)red(?:ential)?s?|(?<=z)ugangsdaten|(?<=u)ser/pass(?:word)?)(?=[ \t:])"
        rf"{_PAIR}",
        example="creds: admin / Pa55word",
        counter_example="credentials: shop/cart-db",
    ),
    rule(
        "login_pair",
        "login␠with login:",
        rf"(?P<keep>[lL](?<!\w.)ogin(?=[ :]){_PAIR}",
        example="login with admin / Pa55word",
        counter_example="login: failed for user jane",
    ),
)
