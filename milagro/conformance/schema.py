"""The JSON Schema of our vector files."""

from __future__ import annotations

from typing import Any

ENVELOPE_STEPS = ("armor", "body", "header", "key-files", "key-schedule", "order", "outer", "signatures", "suites")

LAYERS = ("backend", "groups", "protocols", "cbor", "cid", "stores", *(f"envelope#{step}" for step in ENVELOPE_STEPS))
_HEX16 = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_SPEC = {"type": "string", "pattern": "^spec/[a-z0-9-]+[.]md#[a-z0-9-]+$"}
_NAME = {"type": "string", "minLength": 1}
_REFUSED = {
    "type": "object",
    "description": "the error of milagro.errors that must be raised, and the layer that must raise it",
    "required": ["error", "layer"],
    "additionalProperties": False,
    "properties": {"error": _NAME, "layer": {"enum": sorted(LAYERS)}},
}

SCHEMA_DOCUMENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "milagro-vectors-1.schema.json",
    "title": "A file of milagro test vectors",
    "type": "object",
    "required": ["schema", "topic", "source", "digest", "cases"],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": "milagro-vectors-1"},
        "topic": {"type": "string", "description": "path of the file below vectors/ without .json"},
        "spec": {**_SPEC, "description": "section of the cases that name none themselves"},
        "source": {"type": "string", "description": "the program that made the file, or document and section"},
        "seed": {"type": "string", "description": "start of the seed strings of SHAKE256 that inputs come from"},
        "curve": {**_NAME, "description": "curve of the cases that name none themselves"},
        "digest": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "SHA-256, shortened, of the JSON text [head without digest and cases, ids of the cases]",
        },
        "cases": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "operation", "inputs", "digest"],
                "oneOf": [{"required": ["expected"]}, {"required": ["refused"]}],
                "additionalProperties": False,
                "properties": {
                    "id": {**_NAME, "description": "unique in the file"},
                    "operation": {**_NAME, "description": "name in milagro.conformance.operations"},
                    "spec": _SPEC,
                    "curve": _NAME,
                    "comment": {"type": "string"},
                    "inputs": {"type": "object", "description": "hexadecimal octets, whole numbers, texts, lists"},
                    "expected": {"type": "object"},
                    "refused": _REFUSED,
                    "digest": {**_HEX16, "description": "SHA-256, shortened, of the JSON text of the case without it"},
                },
            },
        },
    },
}
