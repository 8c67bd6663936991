"""QR codes for pages and terminals."""

from __future__ import annotations

import segno


def rows(text: str) -> list[str]:
    """The QR code of `text` (ISO/IEC 18004, correction level M) without its quiet zone: a string of 0 and 1 a row.

    Secret: the result, if the text is
    """
    return [
        "".join("1" if module else "0" for module in row) for row in segno.make(text, micro=False, error="m").matrix
    ]
