# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""One product of pairings across the lanes of AVX-512 IFMA, in 5 digits of 52 bits:
BN254, BN254CX, FP256BN and BN_SNARK1.

Import it only where the module of 4 words says that it can run (lanes_supported):
all of it is compiled for AVX-512.
"""

cdef extern from *:
    """
    #define MONT_WORDS 4
    #define MONT_X86 1
    """

cdef enum:
    NLIMBS = 4
    DIGITS = 5

include "across_lanes.pxi"
