"""Retired words: a pattern, a replacement and a scope for each, and where they still occur.

The glossary is docs/decisions/DD-NAMES-001.md. `python -m tests.unit.repository.vocabulary [WORD ...]` lists every occurrence.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
LONGEST_TEST_NAME = 70
EXEMPT = frozenset(
    {
        "docs/decisions/DD-NAMES-001.md",
        "tests/unit/repository/vocabulary.py",
        "tests/unit/repository/test_vocabulary.py",
    }
)
"""The glossary, and the table below."""
UNREAD = (".lock", ".svg", ".png", ".json", ".html.j2", "LICENSE")
"""Files that are generated, binary, or not ours."""

CONTRACT = re.compile(
    r"""
    DD-BELL-001 | DD-LEDGER-001 | (?<=decisions/)DD-\w+-\d+\.md
    | queue_held_back                                # a metric
    | sanitization_redactions(?:_total)?             # a metric
    | NOTIFICATION_SANITIZER__\w+                    # environment variables
    | (?<![A-Za-z])sanitizer(?:[A-Z]\w*|_(?:emails|ip_addresses)|(?=[.:=,)"'`\]]|\s*[:=]))   # settings keys
    """,
    re.VERBOSE | re.MULTILINE,
)
"""Names that users, dashboards and stacks depend on. They keep their words."""


class Scope(StrEnum):
    """What a pattern is applied to."""

    TEXT = "text"
    """Everything in a file, also across line breaks, and its path."""
    IDENTIFIER = "identifier"
    """Every name in Python code: the whole name must match."""
    VARIABLE = "variable"
    """Names that Python code binds: variables, arguments, targets of `for`, `with` and `:=`."""
    TEST_NAME = "test name"
    """Names of test functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A retired word or phrase."""

    name: str
    use: str
    pattern: re.Pattern[str]
    scope: Scope = Scope.TEXT
    under: tuple[str, ...] = ("",)
    """Path prefixes that the word is retired in."""
    bad: tuple[str, ...] = ()
    fine: tuple[str, ...] = ()
    """Samples that the pattern must and must not match."""


@dataclass(frozen=True, slots=True, order=True)
class Occurrence:
    """A place that a retired word stands at."""

    path: str
    line: int
    text: str


def _text(*phrases: str, case: bool = False) -> re.Pattern[str]:
    """Compile phrases: letters bound them, underscores do not, and a space matches a line break in a comment."""
    gap = r"(?:[\s#>_]+)"
    body = "|".join(phrase.replace(" ", gap) for phrase in phrases)
    return re.compile(rf"(?<![A-Za-z])(?:{body})(?![A-Za-z])", 0 if case else re.IGNORECASE)


def _names(*names: str) -> re.Pattern[str]:
    return re.compile("|".join(names))


_PRODUCT = ("operator/", "tests/unit/operator/", "tests/simulation/", "tests/property/")
_ARTICLE = (
    r"(?:a|an|the|each|every|one|this|that|next|first|last|latest|another|no|its|same|second|new|further)"
)
_MANY = r"(?:those|these|all|no|two|three|many|several|more|such|its|their|new|latest|further|of|\d+)"
_PER = (
    r"(?:stack|command|verb|channel|pod|replica|namespace|notification|object|file|line|kind|test|key|field|name|group"
    r"|module|type|person|destination|shard|row|number|fact|run|check|rule|decision)"
)

WORDS = (
    # Reconciliation.
    Word(
        name="try (noun)",
        use="attempt",
        pattern=_text(rf"{_ARTICLE} (?:slow |single |real |failed )?try(?! (?:to|again))"),
        bad=("each try is recorded", "after a slow\n# try", "the next try"),
        fine=("try again", "the command to try", "retry", "try:"),
    ),
    Word(
        name="tries (noun)",
        use="attempts",
        pattern=_text(r"tries(?! (?:to|again|the|it|each|every|a|them))"),
        bad=("tries that are due", "max_tries", "5 tries"),
        fine=("kopf tries again", "it tries to connect", "retries", "entries"),
    ),
    Word(
        name="pass (noun)",
        use="reconciliation",
        pattern=_text(
            rf"(?!that ){_ARTICLE} pass",
            rf"{_MANY} passes",
            "in a pass",
            "passes (?:over|that|start|run|begin|of)",
        ),
        bad=("one pass at a time", "the pass broke", "two passes", "passes that start"),
        fine=("the test passes", "pass it on", "a password", "pass", "bypass"),
    ),
    Word(
        name="bell",
        use="event handler",
        pattern=_text("bells?"),
        bad=("the bell", "bell.py", "Bell(queue)"),
        fine=("label", "belly"),
    ),
    Word(
        name="ring",
        use="enqueue",
        pattern=_text("rings", "rang", "ring(?= the| for|\\()", "ring_\\w+"),
        bad=("an event rings", "self._ring(key)", "ring the bell"),
        fine=("a hash ring", "string", "ring buffer"),
    ),
    Word(
        name="under way",
        use="running, in progress",
        pattern=_text("under way", "underway"),
        bad=("a try under way", "under_way", "under\n    # way"),
        fine=("by the way",),
    ),
    Word(
        name="aside",
        use="without_worker; skipped",
        pattern=_text("aside"),
        bad=("left aside", "aside()"),
        fine=("a side",),
    ),
    Word(
        name="hurry",
        use="flush",
        pattern=_text("hurry", "hurried", "hurries"),
        bad=("hurry()", "in a hurry"),
    ),
    Word(
        name="let go",
        use="close, release",
        pattern=_text("lets? go", "letting go"),
        bad=("let_go", "lets go of"),
        fine=("let them go",),
    ),
    Word(
        name="queue of old",
        use="readmit, parked, discard_pending",
        pattern=_text("look_again", "held back", "hold(?:s|ing)? back", "drop_waiting", "again_in"),
        bad=("look_again()", "keys held back", "again_in=3"),
        fine=("kubernaut_notification_queue_held_back", "go back"),
    ),
    Word(
        name="FairSlots",
        use="FairSemaphore",
        pattern=_text("FairSlots", "fair_slots", "gives?_back", case=True),
        bad=("FairSlots(3)", "give_back()"),
        fine=("given back", "cannot give back"),
    ),
    Word(
        name="ledger",
        use="attempt tracker",
        pattern=_text("ledgers?"),
        bad=("the ledger", "ledger.settle"),
        fine=("DD-LEDGER-001",),
    ),
    Word(
        name="duty",
        use="Ownership",
        pattern=_text("duty", "duties"),
        bad=("duty.starts", "Duty"),
    ),
    Word(
        name="gave up on",
        use="abandoned",
        pattern=_text("g[ai]ves? up on", "gave up on", "given up on"),
        bad=("gave up on tries",),
        fine=("gave up after 3 attempts",),
    ),
    Word(
        name="Engine (of the operator)",
        use="app, wiring",
        scope=Scope.IDENTIFIER,
        under=_PRODUCT,
        pattern=_names("Engine", "engine", "Assembly", "assembly"),
        bad=("Engine",),
        fine=("engine_version",),
    ),
    Word(
        name="names of the old tracker",
        use="acknowledge, on_finished, may_record, admits",
        scope=Scope.IDENTIFIER,
        under=_PRODUCT,
        pattern=_names(
            "settle", "settled", "on_end", "retire", "retired", "abandon", "starts", "records_for"
        ),
        bad=("settle",),
        fine=("abandon_foreign", "startswith"),
    ),
    # Observers and telemetry.
    Word(
        name="Announcer and listeners",
        use="Publisher, MetricsObserver, LogObserver",
        pattern=_text("Announcers?", "announcer", "LogLines", "AuditListener", case=True),
        bad=("Announcer()", "LogLines"),
        fine=("announced",),
    ),
    Word(
        name="names of old observers",
        use="observer, MetricsObserver, publish",
        scope=Scope.IDENTIFIER,
        under=_PRODUCT,
        pattern=_names("Listener", "Figures", "tell", "told_of", "Told"),
        bad=("Figures", "tell"),
        fine=("EventsSection", "intelligent"),
    ),
    Word(
        name="is told",
        use="is reported, is logged, is recorded",
        pattern=_text("(?:is|are|was|were|be|been|being) told(?! (?:to|apart|from|by))"),
        bad=("a refusal is told once", "are told at once"),
        fine=("they are told apart", "is told to stop"),
    ),
    Word(
        name="remedy",
        use="hint",
        pattern=_text("remedy", "remedies"),
        bad=("remedy=hint", "the remedy"),
        fine=("RemediationRequest", "remediation"),
    ),
    Word(
        name="alerts of old",
        use="NotificationOperatorNoLeader, …QueueBacklogged, …DeliveryFailureRateHigh",
        pattern=_text(
            "Notification(?:NobodyWorks|QueueOld|DeliveriesFail)",
            "nobody works",
            "who works",
            "nobody who works",
        ),
        bad=("NotificationNobodyWorks", "Who works"),
        fine=("NotificationOperatorNoLeader",),
    ),
    Word(
        name="of 100",
        use="p50, p95, p99",
        pattern=_text("(?:50|90|95|99) (?:of|in|out of)(?: a)? (?:100|hundred)(?!\\d)"),
        bad=("95 of 100",),
        fine=("p95", "95 of 1000"),
    ),
    # Delivery.
    Word(
        name="HttpReceiver",
        use="HttpClient; Destination",
        pattern=_text("HttpReceiver", "http_receiver", case=True),
        bad=("HttpReceiver(url)",),
    ),
    Word(
        name="sanitise, mask",
        use="redact",
        pattern=_text(r"sanitis\w*", r"sanitiz\w*", "masks?", "masked", "masking", "unmasked"),
        bad=("is sanitised", "secrets are masked", "mask()", "def sanitize(text)", "the sanitizer breaks"),
        fine=(
            "sanitizer.emails",
            "sanitizerEmails: true",
            "sanitizer_emails: bool",
            "umask",
            "netmask",
            "settings.sanitizer,",
        ),
    ),
    Word(
        name="turned away",
        use="rejected",
        pattern=_text("turn(?:s|ed|ing)? away", "TurnedAway"),
        bad=("TurnedAway", "a call that is turned away"),
    ),
    Word(
        name="Passage",
        use="Permit",
        scope=Scope.IDENTIFIER,
        pattern=_names("Passage", "passage"),
        bad=("Passage",),
    ),
    Word(
        name="left alone",
        use="the circuit breaker is open; not retried",
        pattern=_text("left alone", "leave(?:s)? (?:it|them|him|a receiver) alone", "leaves? alone"),
        bad=("the receiver is left alone",),
    ),
    # Leadership.
    Word(
        name="strangers and burials",
        use="foreign_leases, stale_member_cleanup, BACKOFF_ROUNDS, STALE_AFTER",
        under=("operator/", "tests/unit/operator/leadership/", "tests/simulation/"),
        pattern=_text("strangers?", "burials?", "bury", "buried"),
        bad=("strangers", "BURIED", "burials"),
        fine=("strange",),
    ),
    Word(
        name="names of old Leases",
        use="ObservedLease, LeaseCandidate, LeaseConfig, BACKOFF_ROUNDS",
        scope=Scope.IDENTIFIER,
        pattern=_names("Sighting", "Sightings", "Claim", "Terms", "lingers", "YIELDS"),
        bad=("Claim", "Sighting"),
        fine=("PersistentVolumeClaim",),
    ),
    # Domain.
    Word(
        name="keeper",
        use="RetentionSweeper",
        pattern=_text("keepers?"),
        bad=("Keeper", "a keeper"),
        fine=("bookkeeping", "keep"),
    ),
    Word(
        name="verdict",
        use="PhaseDecision",
        under=_PRODUCT,
        pattern=_text("verdicts?"),
        bad=("Verdict",),
    ),
    Word(
        name="judge",
        use="decide_phase",
        under=("operator/", "tests/unit/operator/domain/", "tests/property/"),
        scope=Scope.IDENTIFIER,
        pattern=_names("judge", "judged", "_judge"),
        bad=("judge",),
    ),
    Word(
        name="goes_on, Choice",
        use="continue_matching, Match",
        scope=Scope.IDENTIFIER,
        under=("operator/", "tests/unit/operator/"),
        pattern=_names("goes_on", "goes_on_with", "Choice"),
        bad=("goes_on",),
        fine=("Choices",),
    ),
    # The kit.
    Word(
        name="promises of the kit",
        use="CONFORMANCE, require, ContractViolation, StoreHarness",
        pattern=_text(
            "(?:TROUBLE_)?PROMISES",
            "BrokenPromise",
            "TroublePromise",
            "MemoryBench",
            "TroubledBench",
            case=True,
        ),
        bad=("PROMISES", "raise BrokenPromise", "TROUBLE_PROMISES"),
        fine=("promises",),
    ),
    Word(
        name="Bench, demand",
        use="StoreHarness, require",
        scope=Scope.IDENTIFIER,
        under=("operator/atomic_status/", "tests/unit/operator/atomic_status/", "tests/unit/examples/"),
        pattern=_names("Bench", "demand", "promise"),
        bad=("Bench",),
        fine=("Benchmark",),
    ),
    # Tests and tools.
    Word(
        name="sabotage",
        use="injected fault",
        pattern=_text(r"sabotage\w*"),
        bad=("--sabotage cached-reads", "sabotage.py"),
    ),
    Word(
        name="tape",
        use="choices",
        pattern=_text("tapes?"),
        bad=("--tape 00", "tape.py"),
        fine=("shape",),
    ),
    Word(
        name="story",
        use="trace",
        pattern=_text("story", "stories"),
        bad=("the story", "stories"),
        fine=("history",),
    ),
    Word(
        name="World, Ground",
        use="Simulation, Environment",
        scope=Scope.IDENTIFIER,
        under=("tests/",),
        pattern=_names("World", "Ground", "world", "ground"),
        bad=("World", "world"),
        fine=("background",),
    ),
    Word(
        name="floors",
        use="layers",
        pattern=_text("floors", "(?:upper|lower|each|every|the|a) floor"),
        bad=("Floors, and the contracts", "an upper floor"),
        fine=("math.floor(x)",),
    ),
    Word(
        name="verb (of the command line)",
        use="command, target",
        pattern=_text(
            "(?:this|each|every|a|one|the other|its|project's) verb",
            "(?:the|other|all) verbs(?! (?:of|that) )",
            "verbs end",
        ),
        under=("tools/", "docs/", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "stacks/"),
        bad=("the other verbs", "one line a verb"),
        fine=("| resource | verbs |", 'verbs: ["get"]'),
    ),
    Word(
        name="told, said, given, found, made (variables)",
        use="message, output, values, result, created",
        scope=Scope.VARIABLE,
        pattern=_names("told", "said", "given", "found", "made"),
        bad=("told", "made"),
        fine=("found_at",),
    ),
    Word(
        name="test name over 70 characters",
        use="subject, condition, outcome",
        scope=Scope.TEST_NAME,
        pattern=re.compile(rf"\w{{{LONGEST_TEST_NAME + 1},}}"),
        bad=("test_" + "x" * 66,),
        fine=("test_" + "x" * 65,),
    ),
    Word(
        name="noqa: PLW0108",
        use="a bound method or a function instead of a lambda",
        pattern=re.compile(r"noqa:[^\n]*PLW0108"),
        bad=("# noqa: PLW0108",),
        fine=("# noqa: S101",),
    ),
    # Words in prose.
    Word(name="anew", use="again", pattern=_text("anew"), bad=("made anew",), fine=("a new one",)),
    Word(
        name="beside",
        use="next to, in addition to",
        pattern=_text("beside"),
        bad=("beside it",),
        fine=("besides",),
    ),
    Word(
        name="for ever",
        use="forever",
        pattern=_text("for ever"),
        bad=("for ever",),
        fine=("forever", "for every"),
    ),
    Word(
        name="all the same",
        use="anyway",
        pattern=_text("all the same(?! (?:\\w+))"),
        bad=("starts all the same.",),
        fine=("all the same length",),
    ),
    Word(
        name="what is over",
        use="finished notifications",
        pattern=_text("what is (?:over|open|final|under way|not over|due)", "what has ended"),
        bad=("what is over", "What is open is watched"),
        fine=("what is overridden", "what is it"),
    ),
    Word(
        name="is over",
        use="has finished, has ended",
        pattern=_text("(?:tries|attempts?|pass|try|it) (?:is|are) over", "tries over"),
        bad=("once the attempt is over",),
        fine=("it is overridden",),
    ),
    Word(
        name="One that …",
        use="the noun",
        pattern=re.compile(r"(?:^|[.:;] |\| |\"\"\")(?:One|one) (?:that|which|who)\b", re.MULTILINE),
        bad=("One that fails is tried again", "rows; one that is absent"),
        fine=("the one that fails", "not one who"),
    ),
    Word(
        name="a (for per)",
        use="per",
        pattern=re.compile(
            rf"\b[Oo]ne (?:\w+ )?\w+(?<!\sof)(?<!\sin)(?<!\sis)(?<!\sas)(?<!\sto)(?<!\sfor) an? {_PER}\b"
        ),
        bad=("one file a stack", "one line a command"),
        fine=("one for a stack", "one file per stack", "one of a kind"),
    ),
)


@cache
def files() -> tuple[str, ...]:
    """Return the text files of the repository, as paths relative to its root."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = (name for name in output.split("\0") if name and not name.endswith(UNREAD) and name not in EXEMPT)
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


@cache
def read(path: str) -> str:
    """Return a file's text, with contract names blanked."""
    return CONTRACT.sub(lambda match: "\N{MIDDLE DOT}" * len(match[0]), (ROOT / path).read_text("utf-8"))


@cache
def names(path: str, scope: Scope) -> tuple[tuple[int, str], ...]:
    """Return line and name of every name in a Python file that belongs to a scope."""
    yielded = {Scope.IDENTIFIER: identifiers, Scope.VARIABLE: variables, Scope.TEST_NAME: tests}[scope]
    return tuple(yielded(tree(path)))


@cache
def tree(path: str) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse((ROOT / path).read_text("utf-8"), path)


def identifiers(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything that has a name in Python code, attributes of other libraries included."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.alias(name=name, asname=alias):
                yield node.lineno, (alias or name).rpartition(".")[2]


def variables(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every variable and argument that Python code binds."""
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name


def tests(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every test function."""
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test_"):
                yield node.lineno, name


def matches(word: Word, sample: str) -> bool:
    """Return whether a word's pattern matches a sample of its scope."""
    if word.scope is Scope.TEXT:
        return bool(word.pattern.search(CONTRACT.sub("\N{MIDDLE DOT}", sample)))
    return bool(word.pattern.fullmatch(sample))


def occurrences(word: Word) -> Iterator[Occurrence]:
    """Yield every place that a word stands at."""
    for path in files():
        if not path.startswith(word.under):
            continue
        if word.scope is Scope.TEXT:
            yield from _in_text(word, path)
        elif path.endswith(".py"):
            for line, name in names(path, word.scope):
                if word.pattern.fullmatch(name):
                    yield Occurrence(path, line, name)


def _in_text(word: Word, path: str) -> Iterator[Occurrence]:
    if word.pattern.search(CONTRACT.sub("", path)):
        yield Occurrence(path, 0, "the path")
    text = read(path)
    for match in word.pattern.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Occurrence(path, line, text.splitlines()[line - 1].strip()[:120] if match[0].strip() else "")


def counts(word: Word) -> Counter[str]:
    """Return the number of a word's occurrences per file."""
    return Counter(occurrence.path for occurrence in occurrences(word))


def main(chosen: list[str]) -> int:
    """Print the occurrences of the words whose names contain one of `chosen`; all words without any."""
    total = 0
    for word in WORDS:
        if chosen and not any(part in word.name for part in chosen):
            continue
        places = sorted(occurrences(word))
        total += len(places)
        for place in places:
            print(f"{place.path}:{place.line}: {word.name} → {word.use}: {place.text}")
    print(f"{total} occurrence(s)")
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
