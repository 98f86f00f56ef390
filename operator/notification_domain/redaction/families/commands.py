"""Rules for command lines and code in which a position says what is secret: options of tools, arguments, statements, calls."""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.families.assignments import FIRST, MIXED, NO_SECRET, WORD
from notification_domain.redaction.rule import FRESH, REAL, Rule, rule, sample

_VALUE = r"[^\s\"'`,;<>&|}\\]"
_NAME = rf"[\w./:-]{{0,64}}?[{FIRST}]{WORD}[\w-]{{0,32}}+(?i:{NO_SECRET})"
"""A name that contains a word of secrets."""
_NO_PORT = r"(?![0-9.:]++(?:/\w+)?(?:\s|$))"
"""Excludes published ports, which some tools take as `-p`."""


def _option(flag: str) -> str:
    """Return the pattern of at most six arguments, and of the option behind them."""
    return rf"(?:(?!{flag})[^\s|;&]{{1,64}}+[ \t]++){{0,6}}+{flag}"


RULES: Final[tuple[Rule, ...]] = (
    rule(
        "user_and_password",
        "-u -n --user",
        r"(?P<keep>-(?<!\S-)(?:[uUn]|-user(?:name)?)(?:[ \t=]++|(?<!--user)(?<!name)(?=\w))[\"']?[\w.@-]{1,64}+[\"']?[ \t]++-[pP][ \t=]?[\"']?)"
        rf"{_NO_PORT}{MIXED}{REAL}{FRESH}{_VALUE}{{4,}}+",
        example="helm registry login -u ci -p pa55word ghcr.io",
        counter_example="docker run -u app -p 8080:80/tcp nginx",
    ),
    rule(
        "tool_option",
        "ldap zip 7z openssl smbclient lftp",
        r"(?P<keep>[lz7os](?<![\w/-].)"
        rf"(?:(?<=l)dap[a-z]{{3,10}}[ \t]++{_option('-w')}|(?<=7)z[az]?[ \t]++{_option('-p')}(?=[^\s])|(?<=z)ip[ \t]++{_option('-P')}"
        rf"|(?<=o)penssl[ \t]++{_option('-k')}[ \t]|(?<=s)mbclient[ \t]++{_option('-U')}[ \t]*[\w.-]{{1,64}}+%"
        rf"|(?<=l)ftp[ \t]++{_option('-u')}[ \t]*[\w.@-]{{1,64}}+,)[ \t]*[\"']?)"
        rf"{MIXED}{REAL}{FRESH}{_VALUE}{{4,}}+",
        example="ldapsearch -x -D cn=admin -w pa55word -b dc=example",
        counter_example="zip -P backup.zip",
    ),
    rule(
        "keystore_option",
        "-storepass -keypass -srcstorepass -deststorepass -srckeypass -destkeypass",
        rf"(?P<keep>-(?:src|dest)?(?:store|key)pass(?:wd|in)?[ \t]++[\"']?){REAL}{FRESH}{_VALUE}{{4,}}+",
        example="keytool -list -storepass opensesame",
        counter_example="-storepass: the password of the store",
    ),
    rule(
        "argument",
        "rabbitmqctl alias htpasswd reset-admin-password requirepass masterauth rootpw snmp-server vault auth",
        r"(?P<keep>(?:rabbitmqctl[ \t]++(?:add_user|change_password|authenticate_user)[ \t]++\S{1,64}+|alias[ \t]++set(?:[ \t]++\S{1,128}+){3}"
        r"|htpasswd[ \t]++-[a-zA-Z]{0,4}b[a-zA-Z]{0,4}(?:[ \t]++\S{1,128}+){2}|reset-admin-password|requirepass|masterauth|rootpw"
        r"|snmp-server[ \t]++community|vault[ \t]++login|(?-i:AUTH)(?<=> AUTH)|auth(?<=stats auth)[ \t]++[\w.-]{1,64}+:(?=[^\s]))[ \t]*+(?:(?<=:)|(?<=[ \t]))[\"']?)"
        rf"(?![-$/<({{]){REAL}{FRESH}[^\s\"'|;&]{{4,}}+",
        example="rabbitmqctl change_password orders opensesame",
        counter_example="vault login -method=oidc",
    ),
    rule(
        "piped",
        "echo printf",
        r"(?P<keep>(?:echo(?:[ \t]++-n)?|printf)[ \t]++[\"']?(?:[\w.-]{1,64}+:(?=[^\s|]{1,128}+[ \t]*\|[^\r\n|]{0,16}chpasswd))?+)"
        rf"{REAL}{FRESH}[^\s\"'|;&]{{4,128}}+(?=[\"']?[ \t]*\|[ \t]*(?:sudo[ \t]++(?:-S|chpasswd)|chpasswd|[^\r\n|]{{0,120}}--password-stdin))",
        example="echo opensesame | docker login -u ci --password-stdin",
        counter_example="echo done | tee log",
    ),
    rule(
        "set_name",
        "env setenv -x -gx config",
        rf"(?P<keep>[eEsSc-](?<![\w-].)(?:(?<=[eE])(?i:nv)|(?<=[sS])et[eE]nv|(?<=-)(?<=set -)g?x|(?<=c)onfig(?:ure)?[ \t]++set(?:[ \t]++--secret)?)[ \t]++{_NAME}[ \t]++[\"']?)"
        rf"{MIXED}{REAL}{FRESH}{_VALUE}{{6,}}+",
        example="ENV API_TOKEN " + sample(24),
        counter_example="set token lifetime to 30m",
    ),
    rule(
        "literal",
        "--from-literal",
        rf"(?P<keep>--from-literal[= \t][\w.-]{{1,64}}+=[\"']?){MIXED}{REAL}{FRESH}{_VALUE}{{12,}}+",
        example="kubectl create secret generic api --from-literal=key=" + sample(24),
        counter_example="--from-literal=mode=fast",
    ),
    rule(
        "quoted_argument",
        "identified convertto-securestring",
        r"(?P<keep>(?:[iI](?i:dentified[ \t]++by)|ConvertTo-SecureString(?:[ \t]++-String)?)[ \t]++(?P<open>[\"']))"
        rf"{REAL}{FRESH}[^\s\"'\\]{{4,256}}+(?=(?P=open))",
        example="CREATE USER app IDENTIFIED BY 'opensesame'",
        counter_example="the pod is identified by its uid",
    ),
    rule(
        "quoted_name",
        "(\" (' [\" ['",
        rf"(?P<keep>[(\[](?=[\"'])[\"'][\w.-]{{0,64}}?[{FIRST}]{WORD}[\w-]{{0,32}}+(?i:{NO_SECRET})[\"'](?:(?<!\[)\][ \t]*=(?!=)|(?P<list>[ \t]*,))[ \t]*(?P<open>[\"']))"
        rf"(?(list){MIXED}){REAL}{FRESH}[^\s\"'\\]{{4,256}}+(?=(?P=open))",
        example="define('DB_PASSWORD', 'pa55word'); $c['password'] = 'opensesame';",
        counter_example='["password", "token", "secret"]',
    ),
    rule(
        "auth_pair",
        "auth",
        rf"(?P<keep>auth[ \t]*=[ \t]*\([ \t]*[\"'][\w.@-]{{1,64}}+[\"'][ \t]*,[ \t]*[\"']){REAL}{FRESH}[^\s\"'\\]{{4,256}}+(?=[\"'])",
        example='requests.get(url, auth=("admin", "opensesame"))',
        counter_example='auth=("user", password)',
    ),
)
