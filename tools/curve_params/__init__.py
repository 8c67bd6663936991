"""How the numbers in milagro.params are derived from their seeds, proved and printed."""
