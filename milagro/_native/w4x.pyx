# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""With mulx, adcx and adox: curve arithmetic
in 4 words of 64 bits, for moduli of up to 256 bits: BN254, BN254CX, FP256BN and BN_SNARK1."""

cdef extern from *:
    """
    #define MONT_WORDS 4
    #define MONT_X86 1
    """

cdef enum:
    NLIMBS = 4

include "curve.pxi"
