"""Writes the .proto file of every service from the models of its operations; with `--check`, says which ones are old.

Numbers are read from the file that is there: a field keeps its number, a new one gets the next, one that went leaves
its own reserved.
"""

from __future__ import annotations

import sys

from milagro.roles.dta.member.operations import SERVICE as DTA
from milagro.roles.mfa.operations import SERVICE as MFA
from milagro.roles.transport import proto

SERVICES = (DTA, MFA)


def main(arguments: list[str]) -> int:
    """The number of files that are, or were, not what the models make."""
    stale = 0
    for service in SERVICES:
        before = service.proto.read_text(encoding="utf-8") if service.proto.exists() else ""
        text = proto.written(service, proto.parse(before) if before else None)
        if text == before:
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{service.proto.name} is not what the models make; run tools/make_proto.py")
        else:
            service.proto.write_text(text, encoding="utf-8")
            print(f"wrote {service.proto.name}")
    return stale if "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
