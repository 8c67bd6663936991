"""Writing the project's own vectors: the same octets on every machine and with either backend.

`published/` and `signed/` are not made here, only checked: the values of the one are typed in from the documents that
they name, those of the other hold signatures that draw randomness (tools/sign_vectors.py).
"""

from __future__ import annotations

import json
from pathlib import Path

from milagro import backend as backends
from milagro.conformance.schema import SCHEMA_DOCUMENT
from milagro.conformance.topics import TOPICS
from milagro.conformance.topics._book import written

KEPT = ("published", "signed")


def write_all(folder: Path, backend: str | None = None) -> list[Path]:
    """Write schema, SOURCES.md and every topic below `folder`; gives the files written.

    Raises: ParameterError for an unknown backend, BackendUnavailable if it is not built
    """
    name = backend or backends.default_name()
    backends.load(name)
    texts = {"schema.json": json.dumps(SCHEMA_DOCUMENT, indent=1, sort_keys=True) + "\n"}
    rows = []
    for topic in TOPICS:
        book = topic(name)
        texts[f"{book.topic}.json"] = written(book.document())
        refused = sum("refused" in case for case in book.cases)
        rows.append((f"{book.topic}.json", str(len(book.cases)), str(refused), book.source))
    texts["SOURCES.md"] = _sources(rows, folder)
    return [_write(folder / path, text) for path, text in sorted(texts.items())]


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


_INTRODUCTION = """# Sources of these vectors

Every file has the form of [schema.json](schema.json) and names its source. `milagro vectors check vectors` recomputes
every value on a backend; `milagro vectors make` writes every file but those of `published/` and `signed/` again, the
same octets every time.

* *Generated* files: inputs come from SHAKE256 over the seed that the file names, a label, ":" and the number of the
  draw; `milagro/conformance/topics/` has the labels. Results come from one backend and must agree with the other.
* *Published* files: typed in from the document and section that they name.
* *Signed* files: made once by `tools/sign_vectors.py`, since signatures of ML-DSA-65 draw randomness.
* A refused case names the error of `milagro.errors` and the layer that must raise it: `backend` (a number that is not
  canonical, a point off the curve), `groups` (lengths, flags, subgroup, identity), `protocols`, `cbor` (not the one
  encoding of a value, or a field of another type), `cid`, `stores`, or the step of an envelope that
  `envelope#section` names.
* What HPKE and ML-DSA make from their own randomness was *recorded* once: `milagro/conformance/topics/_envelopes.py`.
* The digests in a file catch what cannot be recomputed, such as a digit of a point that is off the curve in any case.

| file | cases | of them refused | source |
|---|---:|---:|---|
"""


def _sources(rows: list[tuple[str, str, str, str]], folder: Path) -> str:
    for path in sorted(path for kept in KEPT for path in (folder / kept).glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        cases = document["cases"]
        refused = sum("refused" in case for case in cases)
        rows.append((f"{path.parent.name}/{path.name}", str(len(cases)), str(refused), document["source"]))
    return _INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in sorted(rows))
