"""Servers and clients, one package a role: `dta`, `mfa`, and the `client` that talks to both.

`service.py` is what a role does, `http.py` how it is reached, `records.py` what it remembers. Protocol slices
meet only here.
"""
