# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""With mulx, adcx and adox: curve arithmetic in 8 words of 64 bits, for moduli of up to 512 bits."""

cdef extern from *:
    """
    #define MONT_WORDS 8
    #define MONT_X86 1
    """

cdef enum:
    NLIMBS = 8

include "curve.pxi"
