"""Rules for URLs, data source names, webhooks and addresses."""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.rule import FRESH, Hints, Rule, rule, sample

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_UP_TO_HOST = r"(?!//|[0-9]{1,5}[/?#]|\[REDACTED\]@)(?:[^\s@\"'<>:]|:(?!//)|@(?=[^\s@/?#\"'<>]*+@))++(?=@)"
_FILE = (
    r"(?:png|jpe?g|gif|svg|webp|ico|pdf|docx?|xlsx?|css|js|jsx|ts|tsx|html?|txt|json|jsonl|ya?ml|toml|xml|csv|ini|properties|env|hcl|tf"
    r"|go|java|rb|php|sql|diff|patch|dump|bak|old|orig|tmp|lock|gz|tgz|bz2|xz|zst|zip|tar|jar|war|whl|deb|rpm|apk|exe|dll|bin|iso|img"
    r"|pem|crt|key|parquet|log|out|conf|cfg)\b"
)
"""Suffixes of files that are no top-level domains in use for mail."""
_NOT_A_MAILBOX = rf"(?!{_FILE}|(?:service|socket|timer|mount|target|slice|scope|device|path|swap|local|internal|cluster)\b)"

EMAIL: Final = "email"
IPV4: Final = "ipv4"
IPV6: Final = "ipv6"


def _database(name: str, hints: str, schemes: str, *, example: str, counter_example: str) -> Rule:
    """Return the rule for a database URL, whose password may hold what other URLs forbid."""
    pattern = rf"(?P<keep>(?i:{schemes})(?:\+\w{{1,20}}+)?://[^\s:@/\"'<>]*+:){_UP_TO_HOST}"
    return rule(name, hints, pattern, example=example, counter_example=counter_example)


CREDENTIALS: Final = rule(
    "url_credentials",
    "://",
    r"(?P<keep>://[^\s/?#:@\"'<>]*+:)(?!\[REDACTED\]@)[^\s/?#\"'<>]+(?=@)",
    example="https://user:pw9@host/",
    counter_example="https://host:8080/path",
)

DATABASES: Final[tuple[Rule, ...]] = (
    _database(
        "postgresql",
        "postgres",
        r"[pP]ostgres(?:ql)?",
        example="postgresql://u:p/w@h/db",
        counter_example="postgresql://host:5432/db",
    ),
    _database(
        "mysql",
        "mysql mariadb",
        r"[mM](?:ysql|ariadb)",
        example="mysql+pymysql://u:p?w@h/db",
        counter_example="mysql://host:3306/db",
    ),
    _database(
        "mongodb",
        "mongodb",
        r"[mM]ongodb",
        example="mongodb+srv://u:p/w@h",
        counter_example="mongodb://host:27017/db",
    ),
    _database(
        "redis",
        "redis",
        r"[rR]ediss?",
        example="rediss://:p/w@h:6379/0",
        counter_example="redis://host:6379/0",
    ),
)

RULES: Final[tuple[Rule, ...]] = (
    rule(
        "dsn",
        "://",
        # A password with a slash, for the schemes that are neither a document's nor an image's.
        r"(?P<keep>://(?<!http://)(?<!https://)(?<!file://)(?<!docker://)(?<!oci://)[^\s:@/\"'<>]{0,64}+:)"
        + _UP_TO_HOST,
        example="amqps://u:p/w#1@mq:5671/v",
        counter_example="amqp://mq:5672/vhost@x",
    ),
    rule(
        "go_dsn",
        Hints("@tcp( @unix( @udp(", reach=129),
        r"(?P<keep>:(?<=\w.))(?!\[REDACTED\]@)[^\s@:\"']{1,128}+(?=@(?:tcp|unix|udp)\()",
        example="app:pa55@tcp(db:3306)/shop",
        counter_example="dial @tcp(db:3306)",
    ),
    rule(
        "oracle_dsn",
        "thin: oci: oci8: sqlplus",
        r"(?P<keep>(?:thin:|oci8?:|sqlplus )(?:-\w{1,3} )?[\w.-]{1,64}+/)(?!\[REDACTED\]@)[^\s@\"']{1,128}+(?=@)",
        example="jdbc:oracle:thin:scott/t1ger@db:1521/XE",
        counter_example="jdbc:oracle:thin:@db:1521/XE",
    ),
    rule(
        "url_user_token",
        "://",
        r"(?P<keep>://)(?=[\w.~+%-]{0,128}?[0-9])[\w.~+%-]{16,}+(?=@|:(?:x-oauth-basic)?@)",
        example=f"https://{sample(40)}@git.example.com/x.git",
        counter_example="https://deploy@host/x.git",
    ),
    rule(
        "webhook",
        Hints("slack hook pagerduty hc-ping with/key/ telegram.org/bot", reach=20),
        r"(?P<keep>[./](?:slack(?:-gov)?\.com/(?:services|workflows|triggers)/|zapier\.com/hooks/catch/|api/(?:v[0-9]{1,2}/)?webhooks/"
        r"|webhook\.office\.com/webhook(?:b2)?/|with/key/|pagerduty\.com/(?:integration|x-ere)/|open-apis/bot/v2/hook/|hc-ping\.com/"
        r"|(?:hooks|webhooks?)/(?=[A-Za-z0-9_-]{20})|telegram\.org/bot))"
        r"(?!\[REDACTED\])(?=[\w/@%.:=-]{0,256}?[0-9])[\w/@%.:=-]{8,}+",
        example=f"https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/{sample(24)}",
        counter_example="see hooks.slack.com/services for the form",
    ),
    rule(
        "query_parameter",
        Hints("= %3d", reach=60),
        r"(?P<keep>[?&;%\\](?=[\w;-]{1,48}+(?:=|%3))(?:(?<=[?&;])|(?<=&)amp;|(?<=%)26|(?<=\\)u0026)"
        r"(?i:(?:x-(?:amz|goog|ms|oss)-)?(?:signature|credential|security-token)"
        r"|sig|sas|sign|hmac|jwt|[a-z-]{0,12}_?(?:key|pass|passwd|passphrase)(?:[_-]?id)?|auth|code|assertion|s(?:ession)?_?id"
        r"|saml(?:response|request)|ticket|otp|nonce|hash)(?:=|%3[dD]))"
        r"(?!\[REDACTED\])(?=[^\s\"'<>&#,;]{0,256}?[0-9])[^\s\"'<>&#,;})\]]{8,}+",
        example="https://s3.example.com/o?X-Amz-Signature=" + sample(64, "0a1b2c3d"),
        counter_example="https://example.com/search?key=name&code=de",
    ),
    rule(
        "sentry_dsn",
        "://",
        r"(?P<keep>://)[0-9a-f]{32}(?=(?::\[REDACTED\])?@)",
        example=f"https://{sample(32, '0a1b2c3d')}@o1.ingest.sentry.io/2",
        counter_example="https://o1.ingest.sentry.io/2",
    ),
    rule(
        "pgpass_line",
        ":5432: :3306: :1521: :5433: :6432:",
        rf"(?P<keep>:(?:5432|3306|1521|5433|6432):[\w*.-]{{1,64}}+:[\w*.-]{{1,64}}+:){FRESH}[^\s:\"',]{{4,}}+",
        example="db.example.com:5432:shop:app:pa55word",
        counter_example="db.example.com:5432:shop",
    ),
)

_EMAIL: Final = rule(
    EMAIL,
    Hints("@", reach=256),
    rf"(?<![\w.+%-])(?!git@[\w.-]+:)[\w.+%-]{{1,256}}+@(?!v?[0-9]{{1,6}}\.[0-9])(?:[\w-]++\.(?:{_NOT_A_MAILBOX}|(?=[\w-]++\.[^\W\d_]{{2}})))+[^\W\d_]{{2,}}+(?!\.{_FILE}|:[/~])",
    example="<a@b.io>",
    counter_example="git@github.com:owner/repository, logo@2x.png and getty@tty1.service",
)


def _ipv4(excluded: str, *, example: str, counter_example: str) -> Rule:
    """Return the rule for IPv4 addresses; `excluded` is a pattern behind the first digit."""
    return rule(
        IPV4,
        Hints(".", reach=3),
        r"[0-9](?<![\w.].)(?<![A-Za-z]/.)(?<!(?i:version|release) .)(?!(?<=1)27\.|(?<=0)\.0\.0\.0(?!\w)|(?<=2)55\.255\.)"
        rf"{excluded}(?:(?<=2)5[0-5]|(?<=2)[0-4][0-9]|(?<=1)[0-9]{{2}}|[0-9]?)\."
        rf"(?:{_OCTET}\.){{2}}{_OCTET}(?!\w|\.[0-9]|-[a-z])",
        example=example,
        counter_example=counter_example,
    )


def _ipv6(excluded: str, *, example: str, counter_example: str) -> Rule:
    """Return the rule for IPv6 addresses; `excluded` is a pattern behind the first digit. Eight pairs of digits are a fingerprint."""
    return rule(
        IPV6,
        Hints(":", reach=4),
        rf"[0-9A-Fa-f](?<![\w:.].){excluded}(?=(?<=[0-9])|[0-9A-Fa-f]{{0,2}}[0-9])[0-9A-Fa-f]{{0,3}}"
        r"(?:(?::[0-9A-Fa-f]{1,4}){7}(?<![0-9A-Fa-f](?::[0-9A-Fa-f]{2}){7})"
        r"|(?::[0-9A-Fa-f]{1,4}){0,6}::(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?)(?![\w:])",
        example=example,
        counter_example=counter_example,
    )


PUBLIC: Final[tuple[Rule, ...]] = (
    _ipv4(
        r"(?!(?<=1)(?:0\.|72\.(?:1[6-9]|2[0-9]|3[01])\.|92\.168\.|69\.254\.|00\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.))",
        example="from 203.0.113.7:8080",
        counter_example="10.0.0.1, 172.31.0.1, 192.168.1.7, 169.254.169.254, 100.64.0.1",
    ),
    _ipv6(
        r"(?!(?<=[fF])(?:[cCdD][0-9A-Fa-f]{2}:|[eE][89abAB][0-9A-Fa-f]:))",
        example="from 2001:db8:0:1:2:3:4:5",
        counter_example="fd00:10:244::7, fe80::1",
    ),
)
"""The rules for addresses that are not those of private networks, of links and of carriers (RFC 1918, 3927, 4193, 4291, 6598)."""
ADDRESSES: Final[tuple[Rule, ...]] = (
    _EMAIL,
    _ipv4("", example="from 10.0.0.1:8080", counter_example="version 1.2.3.4, Chrome/120.0.0.0, 127.0.0.1"),
    _ipv6(
        "",
        example="from fe80::1 to 2001:db8:0:1:2:3:4:5",
        counter_example="std::vector, ::1, at 10:00:00, aa:bb:cc:dd:ee:ff, 3c:d0:3d:1a:2c:f2:1a:1b",
    ),
)
