"""Rules for names and values that markup or a command line separates: YAML, XML, Markdown, flags, encodings."""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.families.assignments import FIRST, MIXED, NO_FACT, NO_SECRET, WORD
from notification_domain.redaction.rule import FRESH, REAL, Hints, Rule, rule, sample

_VALUE = r"[^\s\"'`,;<>&}\\]"
_INNER = rf"[\w.:-]{{0,64}}?[{FIRST}]{WORD}[\w.-]{{0,32}}+(?i:{NO_SECRET})"
"""A name that contains a word of secrets."""
_OPTIONS = r"(?:-[a-zA-Z][ =]?[^\s\[-][^\s\[]{0,64}+[ \t]++){0,3}"
"""Options before the one with the secret; none of them is redacted, so that the number stays the same."""
RANDOM: Final = r"(?=[A-Za-z0-9_+/=~-]{16})(?:(?=[0-9a-f]{32})|(?=[^\s0-9]{0,64}+[0-9])(?=[^\sA-Z]{0,64}+[A-Z])(?=[^\sa-z]{0,64}+[a-z]))"
"""At least 16 characters with small letters, capitals and digits, or 32 hexadecimal digits."""

FIRST_RULES: Final[tuple[Rule, ...]] = (
    rule(
        "env_list",
        Hints("value", reach=None),
        rf"(?P<keep>[nNkK](?i:ame|ey)\\{{0,15}}[\"']?[ \t]*[:=][ \t]*(?:\\{{0,15}}[\"'])?{_INNER}(?:\\{{0,15}}[\"'])?"
        r"[ \t]*,?\s{0,64}[\"'\\]{0,16}(?i:value)\\{0,15}[\"']?[ \t]*[:=][ \t]*(?:\\{0,15}[\"'])?)"
        rf"{REAL}{FRESH}(?![0-9]{{1,7}}(?:[\"'\s]|$))[^\s\"'\\,}}]++",
        example="- name: DB_PASSWORD\n  value: opensesame",
        counter_example="- name: MAX_TOKENS\n  value: 4096",
    ),
    rule(
        "xml_attribute",
        Hints("value=", reach=None),
        rf"(?P<keep>[kKnNiI](?i:ey|ame|d)=[\"']{_INNER}[\"']\s{{1,16}}(?i:value)=(?P<open>[\"']))"
        r"(?!\[REDACTED\](?P=open))(?:(?!(?P=open))[^<>\r\n])++",
        example='<add key="DbPassword" value="open sesame" />',
        counter_example='<add key="TokenLifetime" value="5" kind="x"/>',
    ),
    rule(
        "xml",
        "<",
        rf"(?P<keep><(?!/){_INNER}(?:\s[^<>]{{0,128}})?>)(?!\[REDACTED\]<){REAL}[^<>]++(?=</)",
        example="<password>open sesame</password>",
        counter_example="<secretName>web</secretName>",
    ),
    rule(
        "xml_entry",
        "key=\" name=\" id=\" key=' name=' id='",
        rf"(?P<keep>(?:key|name|id)=[\"']{_INNER}[\"'][^<>]{{0,64}}>)(?!\[REDACTED\]<){REAL}[^<>]{{1,512}}+(?=</)",
        example='<entry key="db.password">open sesame</entry>',
        counter_example='<entry key="db.password_file">web</entry>',
    ),
    rule(
        "encoded_member",
        Hints("&quot; &#34; &#x22; %22 u0022 x22", reach=4),
        r"(?P<keep>(?P<quote>[&%\\](?:(?<=&)(?:quot|#34|#x22);|(?<=%)22|(?<=\\)\\{0,3}(?:u00|x)22))"
        rf"{_INNER}(?P=quote)[ \t]*(?::|=|%3[aAdD]|&#58;)[ \t]*(?P=quote)?)(?!\[REDACTED\])(?:(?!(?P=quote))[^\s\"'<>])++",
        example="&quot;password&quot;:&quot;opensesame&quot;",
        counter_example="&quot;password&quot;",
    ),
    rule(
        "marked_up",
        "* ` ~",
        rf"(?P<keep>[*`~]{{1,3}}+(?=[\w .-]{{1,121}}+[*`~]{{0,3}}+[ \t]*+[:=])[\w .-]{{0,32}}?[{FIRST}]{WORD}[\w.-]{{0,32}}?(?:[*`~]{{1,3}}[ \t]*[:=]|[ \t]*[:=][*`~]{{1,3}}(?=[ \t]))"
        rf"[ \t]*[*_`~\"']{{0,3}})(?![*_`~]){REAL}(?!\[REDACTED\])[^\s`*\"',]++",
        example="**Password:** opensesame and `token`: `opensesame`",
        counter_example="**Password**",
    ),
)

RULES: Final[tuple[Rule, ...]] = (
    rule(
        "prose",
        "secret␠ token␠ key␠",
        r"(?P<keep>[sStTkK](?i:(?<=s)ecret|(?<=t)oken|(?<=k)ey)[ ]++(?:(?i:(?:for [\w.@-]{1,64}+ )?"
        r"(?:(?:(?:is|was|has been) )?(?:set|changed|reset) to|is now|is|was)[ :]++)(?<!ey is )|(?P<blank>))[\"'`(]?)"
        rf"{FRESH}(?(blank){RANDOM}[A-Za-z0-9_+/=~-]{{16,}}+(?![\w.:(])|{NO_FACT}{MIXED}[^\s\"'`,;<>&]{{6,}}+)",
        example="the token is hunter2xyz",
        counter_example="the secret is stored in the vault, secret cart-db-7d4b9c6f5d-kk8zl",
    ),
    rule(
        "encoded_credentials",
        Hints("docker client-key-data auth tls.key", reach=1),
        r"(?P<keep>[.c_at](?:docker(?:cfg|configjson)|lient-key-data|auth(?<=_auth)|uth(?<=[\"']auth)|ls\.key)\\{0,15}[\"']?[ \t]*[:=][ \t]*"
        r"(?:\\{0,15}[\"'])?)[A-Za-z0-9+/_-]{8,}+=*+(?![\w.:\[])",
        example='{"auth": "' + sample(24) + '"}',
        counter_example='{"auth": "none"}',
    ),
    rule(
        "string_data",
        "str",
        r"(?P<keep>stringData:[ \t]*\r?\n(?P<indent>[ \t]+)(?=[^\s]))(?!\[REDACTED\])[^\r\n]++(?:\r?\n(?P=indent)[^\r\n]*+)*+",
        example="stringData:\n  a: b\n  c: d\ntype: Opaque",
        counter_example="stringData: {}",
    ),
    rule(
        "secret_data",
        "kind:",
        # The lines up to the next kind are read once, and a block ends where the indentation does.
        r"(?P<keep>kind:[ \t]*Secret[ \t]*\r?\n(?:(?!data:|---|kind:)[^\r\n]*+\r?\n){0,40}+data:[ \t]*\r?\n(?P<indent>[ \t]+)(?=[^\s]))"
        r"(?!\[REDACTED\])[^\r\n]++(?:\r?\n(?P=indent)[^\r\n]*+)*+",
        example="kind: Secret\nmetadata:\n  name: a\ndata:\n  dsn: b\n  c: d\ntype: Opaque",
        counter_example="kind: ConfigMap\ndata:\n  a: b",
    ),
    rule(
        "secret_data_first",
        "data:",
        r"(?m:(?P<keep>^data:[ \t]*\r?\n(?P<indent>[ \t]+)(?=[^\s]))(?!\[REDACTED\])[^\r\n]++(?:\r?\n(?P=indent)[^\r\n]*+)*+(?=\r?\nkind:[ \t]*Secret[ \t]*\r?$))",
        example="data:\n  dsn: b\n  c: d\nkind: Secret\n",
        counter_example="data:\n  a: b\nkind: ConfigMap",
    ),
    rule(
        "flag",
        "-",
        rf"(?P<keep>-(?<![\w-]-)(?>-?[\w-]{{0,32}}?(?<![A-Za-z0-9])[{FIRST}]{WORD})(?=[\w-]{{0,24}}+[ \t]++[^\s|&>-])(?:[_-][\w-]{{0,24}}+)?(?i:{NO_SECRET})"
        rf"[ \t]++[\"']?)(?![-|&>]){REAL}{FRESH}{_VALUE}{{3,}}+",
        example="login --db-password opensesame",
        counter_example="docker login --password-stdin registry",
    ),
    rule(
        "user_flag",
        Hints("-u -a", reach=7),
        r"(?P<keep>-(?<!\S.)(?:u|-user|-proxy-user|a(?<=http -a))[ \t=]*[\"']?[\w.@-]{1,64}+:)(?![0-9]+\b)(?!//)"
        rf"{FRESH}{REAL}{_VALUE}++",
        example="curl -u admin:opensesame https://example.com",
        counter_example="docker run -u 1000:1000 alpine",
    ),
    rule(
        "short_flag",
        "sshpass mysql mariadb redis-cl login",
        rf"(?P<keep>(?:sshpass[ \t]+-p|(?:mysql|mysqldump|mysqladmin|mariadb)[ \t]++{_OPTIONS}-p(?=\S)"
        rf"|redis-cli[ \t]++{_OPTIONS}-a[ \t]|login[ \t]++{_OPTIONS}-p[ \t=])[ \t]*[\"']?)"
        rf"{REAL}{FRESH}{_VALUE}++",
        example="mariadb -u root -popensesame shop",
        counter_example="mysql -u root -p shop",
    ),
    rule(
        "netrc",
        "login",
        rf"(?P<keep>login\s{{1,8}}\S{{1,64}}\s{{1,8}}password\s{{1,8}}){FRESH}\S++",
        example="machine example.com login me password opensesame",
        counter_example="login and password",
    ),
    rule(
        "password_hash",
        "$ {sha {ssha",
        r"(?:\$(?:2[abxy]?|apr1|argon2(?:id?|d)|pbkdf2(?:-\w{1,12})?|scrypt|[156y])\$[\w./$=,+-]{20,}+|\{S?SHA[0-9]{0,3}\}[A-Za-z0-9+/]{20,}+=*+)",
        example="root:$6$" + sample(16) + "$" + sample(86) + ":19000:0",
        counter_example="$1$ each, $5 in total",
    ),
)
