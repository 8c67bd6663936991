"""M-Pin: two-factor authentication by a token and a PIN. `v1` talks to the original library, `v2` is for new use."""
