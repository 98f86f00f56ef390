"""The policy pack that Pulumi runs: the rules of platform_policy, which lies next to this file.

The pack has its own environment, `infra/policy_pack/.venv`, because its SDK pins other versions than the program.
`tools/notif-platform policy` creates it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from platform_policy.adapter import policy_pack

policy_pack()
