# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""With mulx, adcx and adox: curve arithmetic
in 6 words of 64 bits, for moduli of up to 384 bits: BLS12-381 and BLS383."""

cdef extern from *:
    """
    #define MONT_WORDS 6
    #define MONT_X86 1
    """

cdef enum:
    NLIMBS = 6

include "curve.pxi"
