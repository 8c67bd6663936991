# One product of pairings, with the element of Fp12 that it is computed in across the lanes. Each file uses only those
# above it.

include "lanes_words.pxi"    # what lanes.h offers, under the names of words.pxi
include "types.pxi"
include "fp.pxi"
include "lanes_octets.pxi"   # in place of fp_octets.pxi
include "lanes_fp2.pxi"      # in place of fp2_products.pxi
include "fp2.pxi"
include "across.pxi"         # Fp12, in place of types_fp12.pxi, fp6.pxi, fp12.pxi, cyclotomic.pxi and easy_part.pxi
include "seed_windows.pxi"
include "final_exponentiation.pxi"
include "map_positions.pxi"
include "load_pairing.pxi"
include "load.pxi"
include "across_engine.pxi"  # the loop, for the module of words
include "lanes_kernels.pxi"  # lanes alone, for tests
include "across_kernels.pxi"
