"""Every fuzz target by its name."""

from __future__ import annotations

from tests.fuzz import envelope, files, identities, logins, points, requests, sharing

TARGETS = {
    **envelope.TARGETS,
    **points.TARGETS,
    **identities.TARGETS,
    **sharing.TARGETS,
    **logins.TARGETS,
    **files.TARGETS,
    **requests.TARGETS,
}
