# An element of Fp12 as a tower; across.pxi has another form.

cdef struct fp12_t:         # a + w*b
    fp6_t a
    fp6_t b
