"""Checking vector files, ours and others', by recomputing every value in them, and making ours."""

from __future__ import annotations

from milagro.conformance.checker import check
from milagro.conformance.report import FileReport, Mismatch, Report

__all__ = ["FileReport", "Mismatch", "Report", "check"]
