"""The messages of issuing, for those who carry them to a D-TA's service; they are shared with those who ask."""

from milagro.roles.issuance.messages import IssueAnswer, IssueRequest, KeyView, LogHead, SuccessionAnswer

__all__ = ["IssueAnswer", "IssueRequest", "KeyView", "LogHead", "SuccessionAnswer"]
