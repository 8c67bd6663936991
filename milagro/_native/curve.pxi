# The whole backend of one word count, from words to handles. Each file uses only those above it.

include "words.pxi"      # what mont.h offers
include "types.pxi"      # structures
include "types_fp12.pxi"  # Fp12 as a tower
include "declassify.pxi"  # where a secret's verdict becomes public
include "fp.pxi"         # Fp and numbers modulo r
include "fp_octets.pxi"  # the same as octets
include "fp2_products.pxi"  # products in Fp2
include "fp2.pxi"        # Fp2 = Fp[i]/(i^2 + 1)
include "fp6.pxi"        # Fp6 = Fp2[v]/(v^3 - xi)
include "fp12.pxi"       # Fp12 = Fp6[w]/(w^2 - v)
include "seed_windows.pxi"  # powers of u by odd digits
include "cyclotomic.pxi"  # squaring and powers of u where x^(p^4 - p^2 + 1) = 1
include "element.pxi"    # one name for each operation of Fp and Fp2
include "points.pxi"     # E(Fp) and E'(Fp2)
include "jacobian.pxi"   # the same points with cheaper doublings
include "twist.pxi"      # psi, clearing the cofactor of G2, subgroup tests
include "glv.pxi"        # multiples by short scalars
include "gt.pxi"         # GT: exponents in four parts, membership
include "vartime.pxi"    # the same for public scalars, in variable time
include "msm.pxi"        # sums of many multiples by public scalars
include "fixed.pxi"      # multiples of the generators by secret scalars
include "map_positions.pxi"  # of the constants of maps
include "maps.pxi"       # from field elements to points
include "maps_octets.pxi"  # hashing
include "maps_original.pxi"  # the original maps
include "pairing.pxi"    # Miller loop
include "easy_part.pxi"  # of the final exponentiation
include "final_exponentiation.pxi"  # from the loop to GT
include "load_pairing.pxi"  # what the pairing needs of curve_t
include "load.pxi"       # curve_t from a data sheet
include "curve_data.pxi"  # curve_t as an object
include "handles.pxi"    # Scalar, G1, G2, GT
include "encodings.pxi"  # points as octets
include "prepared.pxi"   # G2Prepared
include "across_calls.pxi"  # one product of pairings across the lanes
include "ops.pxi"        # CurveOps: scalars and points
include "lanes_calls.pxi"  # groups of eight
include "many.pxi"       # the same for many values at once
include "ops_many.pxi"   # CurveOps: many values at once
include "ops_gt.pxi"     # CurveOps: GT, pairings, the field towers
include "kernels.pxi"    # words alone, for tests


cdef extern from "lanes_supported.h":
    int lanes_present "lanes_supported"() noexcept nogil


def lanes_supported():
    """Whether this processor and its operating system can run the module of eight lanes, if there is one."""
    return lanes_present() != 0


def supported():
    """Whether this module was compiled as its name says and the processor has the instructions it uses."""
    return mont_supported() != 0
