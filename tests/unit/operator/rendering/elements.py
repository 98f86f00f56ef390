"""The elements of Markdown, each as an author writes it."""

from __future__ import annotations

from typing import Final

ELEMENTS: Final = {
    "paragraphs": "First line\nsecond line\n\nAnother & <b>paragraph</b>",
    "emphasis": "**bold**, *italic*, ***both***, ~~gone~~",
    "headings": "# One\n\ntext\n\n## Two *em*\n\n###### Six",
    "code": "run `rm -rf /` and `` a`b ``",
    "fence": '```sh\necho "*not bold*" <tag>\n```',
    "fence in fence": "````\n```\ninner\n```\n````",
    "indented code": "text\n\n    indented * code",
    "link": "[label](https://example.com/a?b=1&c=2) and [*em*](https://example.com/x_y_z)",
    "link with a title": '[label](https://example.com "title")',
    "autolink": "<https://example.com/path> and <mail@example.com>",
    "address": "see https://example.com/a_b_c?x=1&y=2. Done",
    "forbidden link": "[a](javascript:alert(1)) [b](data:text/html,x) [c](file:///etc/passwd) [d](/relative)",
    "link without an address": "[a *b*]() and ![c](), [](), [d](https://example.com)",
    "link around another one": "[a <https://example.com> b]()",
    "link around others": "[a <https://example.com> ![b](https://example.com/b.png)](https://example.com/c)",
    "link that breaks out": "[x|y>z](https://example.com/|a>b) [a\nb](https://example.com/)",
    "image": "![a picture](https://example.com/p.png) and ![](https://example.com/q.png)",
    "bullets": "- one\n- two\n\n  paragraph of two\n- three",
    "numbers": "3. three\n4. four",
    "nested lists": "- one\n  - inner\n    1. innermost\n- two",
    "empty item": "- \n- x",
    "quote": "> quoted *text*\n> second line\n>\n> > inner\n\nafter",
    "code in a list": "1. step\n\n   ```\n   make\n   ```\n2. next",
    "table": "| name | value |\n|------|------:|\n| a | **1** |\n| b \\| c | 2 |",
    "rule": "above\n\n---\n\nbelow",
    "hard break": "one  \ntwo\\\nthree",
    "html": "<script>alert(1)</script>\n\n<div onclick=x>text</div> <!-- comment -->",
    "escapes": "\\*not em\\* \\# 1\\. &amp; &lt; &copy;",
    "special characters": "* _ ~ ` | > # - + [ ] ( ) ! $ \\ {x} a*b*c a_b_c 1. x",
    "mentions": "@channel, <!here>, <@U123>, @oncall and `@everyone`; mail a@b.example",
    "emoji and scripts": "📦 後で مرحبا Заказ :smile:",
    "reference": "[text][ref] and [ref]\n\n[ref]: https://example.com",
    "line start": "#tag\n-dash\n1) one\n+plus\n=equals",
}
