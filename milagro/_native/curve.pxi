# The whole backend of one word count, from words to handles. Each file uses only those above it.

include "types.pxi"      # structures, and what mont.h offers
include "declassify.pxi"  # where a secret's verdict becomes public
include "fp.pxi"         # Fp and numbers modulo r
include "fp2.pxi"        # Fp2 = Fp[i]/(i^2 + 1)
include "fp6.pxi"        # Fp6 = Fp2[v]/(v^3 - xi)
include "fp12.pxi"       # Fp12 = Fp6[w]/(w^2 - v)
include "cyclotomic.pxi"  # squaring and powers of u where x^(p^4 - p^2 + 1) = 1
include "gt.pxi"         # GT: exponents in four parts, membership
include "element.pxi"    # one name for each operation of Fp and Fp2
include "points.pxi"     # E(Fp) and E'(Fp2)
include "jacobian.pxi"   # the same points with cheaper doublings
include "twist.pxi"      # psi, clearing the cofactor of G2, subgroup tests
include "glv.pxi"        # multiples by short scalars
include "vartime.pxi"    # the same for public scalars, in variable time
include "msm.pxi"        # sums of many multiples by public scalars
include "fixed.pxi"      # multiples of the generators by secret scalars
include "maps.pxi"       # from field elements to points
include "pairing.pxi"    # Miller loop
include "final_exponentiation.pxi"  # from the loop to GT
include "load_pairing.pxi"  # what the pairing needs of curve_t
include "load.pxi"       # curve_t from a data sheet
include "handles.pxi"    # Scalar, G1, G2, GT
include "encodings.pxi"  # points as octets
include "prepared.pxi"   # G2Prepared
include "ops.pxi"        # CurveOps: scalars and points
include "many.pxi"       # the same for many values at once
include "ops_many.pxi"   # CurveOps: many values at once
include "ops_gt.pxi"     # CurveOps: GT, pairings, the field towers
include "kernels.pxi"    # words alone, for tests


def supported():
    """Whether this module was compiled as its name says and the processor has the instructions it uses."""
    return mont_supported() != 0
