# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""One product of pairings across the lanes of AVX-512 IFMA, in 8 digits of 52 bits:
BLS12-381 and BLS383.

Import it only where the module of 6 words says that it can run (lanes_supported):
all of it is compiled for AVX-512.
"""

cdef extern from *:
    """
    #define MONT_WORDS 6
    #define MONT_X86 1
    """

cdef enum:
    NLIMBS = 6
    DIGITS = 8

include "across_lanes.pxi"
