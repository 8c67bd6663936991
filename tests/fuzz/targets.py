"""Every fuzz target by its name."""

from __future__ import annotations

from tests.fuzz import envelope, files, identities, issuing, logins, points, requests, sharing

TARGETS = {
    **envelope.TARGETS,
    **points.TARGETS,
    **identities.TARGETS,
    **sharing.TARGETS,
    **logins.TARGETS,
    **issuing.TARGETS,
    **files.TARGETS,
    **requests.TARGETS,
}
