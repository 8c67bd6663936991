"""Enrolment by an upstream OpenID provider: whom it vouches for, in the browser that was sent there, is invited.

    POST /upstream/start      a cookie, and the provider's address to go to
    the provider --code--> GET /upstream/callback --once: code, PKCE, ID token--> who it is
    POST /upstream/confirm    the cookie -> an invitation, once

State, nonce and PKCE verifier are hashes of the cookie, of which the database has another hash: what comes back is good
in the browser that was sent, and nowhere else.
"""
