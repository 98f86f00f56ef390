"""Rules for keys and certificates in their text formats: PEM, PGP, PuTTY, and PEM encoded as base64.

They come first: such blocks contain blanks, and most other values end at a blank.
"""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.rule import Hints, Rule, rule, sample

_DASHES = "-" * 5
_BODY = sample(48)


def _pem(label: str) -> str:
    """Return the pattern of a PEM block; a truncated block ends at the next dashes or the end."""
    return (
        rf"-----BEGIN [A-Z0-9 ]{{0,40}}{label}-----"
        r"(?:[^-]|-(?!----)|-----(?!BEGIN |END )(?=[^\r\n-]))*+(?:-----END [A-Z0-9 ]{0,60}-----)?"
    )


RULES: Final[tuple[Rule, ...]] = (
    rule(
        "certificate",
        "-----",
        _pem("CERTIFICATE"),
        example=f"{_DASHES}BEGIN CERTIFICATE{_DASHES}\n{_BODY}\n{_DASHES}END CERTIFICATE{_DASHES}",
        counter_example=f"{_DASHES}BEGIN PUBLIC KEY{_DASHES}",
    ),
    rule(
        "private_key",
        "-----",
        _pem("PRIVATE KEY"),
        example=f"{_DASHES}BEGIN RSA PRIVATE KEY{_DASHES}\n{_BODY}",
        counter_example="the private key is missing",
    ),
    rule(
        "pgp_block",
        "-----",
        r"-----BEGIN PGP (?:PRIVATE KEY BLOCK|MESSAGE)-----"
        r"(?:[^-]|-(?!----))*+(?:-----END PGP [A-Z ]{0,40}-----)?",
        example=f"{_DASHES}BEGIN PGP MESSAGE{_DASHES}\n\n{_BODY}\n=abcd\n{_DASHES}END PGP MESSAGE{_DASHES}",
        counter_example=f"{_DASHES}BEGIN PGP PUBLIC KEY BLOCK{_DASHES}",
    ),
    rule(
        "pem_start",
        "-----",
        r"-----BEGIN[ _](?=[A-Z0-9 _]{0,40}PRIVATE)[A-Z0-9 _]{0,60}-{0,5}"
        r"(?:(?:[ \t\r\n]|\\{1,4}[nr])*+[A-Za-z0-9+/=]{16,}+)*+",
        example=f"{_DASHES}BEGIN OPENSSH PRIVATE KEY-\n{_BODY}",
        counter_example=f"{_DASHES}BEGIN RSA PUBLIC KEY-",
    ),
    rule(
        "pem_tail",
        Hints("-----end", reach=None),
        # The lines before an end whose beginning a log has cut off. A line is longer than any word of prose.
        r"(?m)^[ \t]{0,12}(?:[A-Za-z0-9+/]{16,}+=*+(?:[ \t]*+\r?\n[ \t]*+|\\{1,4}n))"
        r"(?:[A-Za-z0-9+/]{1,}+=*+(?:[ \t]*+\r?\n[ \t]*+|\\{1,4}n)){0,200}+"
        r"-----END [A-Z0-9 ]{0,40}(?:PRIVATE KEY|CERTIFICATE)(?: BLOCK)?-----",
        example=f"{_BODY}\n{_BODY}\n{_DASHES}END EC PRIVATE KEY{_DASHES}",
        counter_example=f"{_DASHES}END PUBLIC KEY{_DASHES}",
    ),
    rule(
        "encoded_pem",
        "ls0tls1crudjt",
        # "-----BEGIN" as base64; what follows excludes " PUBLIC".
        r"LS0tLS1CRUdJTi(?!BQVUJMSUM)[A-Za-z0-9+/]{16,}+=*+",
        example="data: LS0tLS1CRUdJTi" + sample(64),
        counter_example="LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0K",
    ),
    rule(
        "putty_key",
        "private-lines:",
        r"(?P<keep>Private-Lines: \d{1,4}\r?\n)(?:[A-Za-z0-9+/=]{16,}+[ \t]*+\r?\n?)++",
        example=f"Private-Lines: 1\n{_BODY}\n",
        counter_example="Private-Lines: 0\n",
    ),
)
