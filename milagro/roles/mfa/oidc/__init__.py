"""The OpenID Provider on board of an MFA server: relying parties send browsers here, people log in by M-Pin.

    GET|POST /oidc/authorize --checked, stored--> interaction, bound to the browser by a cookie
        --prompt=none--------------------------> answer or error at once
        --a session that is good enough--------> continue
        --else---------------------------------> 303 /login?interaction=ID, the page
    page: pass 1 by POST /v1/login/pass1, pass 2 by POST /oidc/login, with the interaction and its cookie
        --right PIN--> a new session cookie; the interaction belongs to this session --> /oidc/continue
    GET /oidc/continue --consent missing--> the consent page --POST /oidc/consent--> continue
        --interaction used up, grant and code made in one transaction--> the exact redirect URI, with iss and state
    POST /oidc/token --code used up by one statement--> tokens of the grant's family
        --the same code again--> the whole family is revoked
        --refresh--> the next one; the one before gives the same next one for a few seconds, then revokes the family

What a browser or a relying party can present (cookies, codes, tokens, interactions) has 256 random bits, and the
database has its SHA-256 only.

The contract of the login page (spec/oidc.md#login-page):

    GET  /oidc/interaction?interaction=ID   what to show: the relying party's name, login_hint, ui_locales, display
    POST /v1/permits, /v1/login/pass1       as any client of the HTTP API does
    POST /oidc/login    {"interaction": ID, "message": second pass}
                        200 with LoginAnswer's members and "continue", a path: go there with location.assign
                        errors are those of /v1/login/pass2; 410 if the interaction is over: tell to start again
    POST /oidc/cancel   {"interaction": ID}  200 {"continue": path}: back to the relying party with access_denied

All of them are JSON, same origin, with credentials. The page takes the origin that M-Pin's context binds from
`location.origin`, never from an answer: this is what a look-alike site that relays messages cannot get round.
`POST /oidc/login` is made once for an interaction; a second login that only moves a device to a newer key goes to
`/v1/login/pass2`.

Spec: spec/oidc.md
"""
