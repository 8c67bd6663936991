# What works on eight lanes, of one word count: of curve.pxi what secrets and batches need. Each file uses only those
# above it.

include "lanes_words.pxi"    # what lanes.h offers, under the names of words.pxi
include "types.pxi"
include "types_fp12.pxi"
include "fp.pxi"
include "lanes_octets.pxi"   # in place of fp_octets.pxi
include "lanes_fp2.pxi"      # in place of fp2_products.pxi
include "fp2.pxi"
include "fp6.pxi"
include "fp12.pxi"
include "seed_windows.pxi"
include "cyclotomic.pxi"
include "element.pxi"
include "points.pxi"
include "jacobian.pxi"
include "twist.pxi"
include "glv.pxi"
include "map_positions.pxi"
include "maps.pxi"
include "pairing.pxi"
include "easy_part.pxi"
include "final_exponentiation.pxi"
include "load_pairing.pxi"
include "load.pxi"
include "lanes_sums.pxi"     # sums of many multiples
include "lanes_engine.pxi"   # the operations, for the module of words
include "lanes_kernels.pxi"  # lanes alone, for tests
