from __future__ import annotations


def test_oidcc_server(op, rp, browser):
    tokens = rp.tokens(browser, scope="openid profile")
    print(tokens)
    print(rp.claims(tokens), rp.userinfo(tokens))
    print(rp.refresh(tokens["refresh_token"]))
