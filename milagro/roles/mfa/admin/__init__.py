"""The pages for administrators of an MFA server: people of certain groups, logged in by M-Pin, look after accounts.

    GET /admin, /admin/user --no session, or one that was not opened for this--> interaction of the server's own: log in
        --not in a group of [mfa.admin]--> there is no such page
        --else--> the page
    POST /admin/... --another site's, or not a form of this session--> refused
        --last login too long ago--> log in, back to the page of the user
        --else--> one transaction of `records` or `accounts`, a line in the log, back to the page (303)

The same things are done on the server's machine by `milagro mfa users` and over the API by operators
(`administration`). Plain HTML made here, two stylesheets, no script.

Spec: spec/administration.md
"""
