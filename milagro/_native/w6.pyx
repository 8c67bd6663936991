# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Curve arithmetic in 6 words of 64 bits, for moduli of up to 384 bits: BLS12-381 and BLS383."""

cdef extern from *:
    """
    #define MONT_WORDS 6
    """

cdef enum:
    NLIMBS = 6

include "curve.pxi"
