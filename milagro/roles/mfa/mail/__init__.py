"""Enrolment by e-mail: who reads a mailbox and holds the browser that asked is invited as the user of that address.

    POST /v1/enrolments/email          address -> a secret for the browser; a short code goes into the outbox
    outbox (durable) --a thread--> SMTP server, or a folder of files
    POST /v1/enrolments/email/confirm  secret and code -> an invitation, once

Neither half is enough: a code in a mailbox is nothing without the browser's secret, of which the database has a hash.
"""
