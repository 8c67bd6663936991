# What works on eight lanes, of one word count.

from milagro.errors import ParameterError

include "lanes_words.pxi"    # what lanes.h offers, under the names of words.pxi
include "lanes_kernels.pxi"  # lanes alone, for tests
