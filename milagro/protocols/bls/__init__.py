"""BLS signatures: `ietf` is the one for new use; `original` is that of the Milagro library, on any curve."""
