"""Milagro: pairings, protocols built on them, and servers that share their secrets.

Spec: spec/curves.md, spec/mpin.md, spec/mpin-v1.md, spec/bls.md, spec/wcc.md
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("milagro")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
