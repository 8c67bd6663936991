# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""One product of pairings across the lanes of AVX-512 IFMA, in 9 digits of 52 bits:
BN462 and BLS461.

Import it only where the module of 8 words says that it can run (lanes_supported):
all of it is compiled for AVX-512.
"""

cdef extern from *:
    """
    #define MONT_WORDS 8
    #define LANES_DIGITS 9
    #define MONT_X86 1
    """

cdef enum:
    NLIMBS = 8
    DIGITS = 9

include "across_lanes.pxi"
