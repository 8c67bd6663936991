# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Curve arithmetic in 8 words of 64 bits, for moduli of up to 512 bits: BN462, FP512BN and BLS461."""

cdef extern from *:
    """
    #define MONT_WORDS 8
    """

cdef enum:
    NLIMBS = 8

include "curve.pxi"
