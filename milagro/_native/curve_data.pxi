# The constants of a curve as an object.

cdef class CurveData:
    """The constants of one curve in native form, filled from a milagro.params.CurveParams."""

    cdef curve_t E
    cdef readonly str name
    cdef object engine      # what E.lanes belongs to, or None
    cdef object across_engine   # and E.across
    cdef fp_t* g1_table     # of fixed.pxi, or NULL
    cdef fp2_t* g2_table

    def __cinit__(self, params):
        memset(&self.E, 0, sizeof(curve_t))
        self.name = params.name
        load_curve(&self.E, params)

    def __dealloc__(self):
        free(self.g1_table)
        free(self.g2_table)

    def __repr__(self):
        return f"<native operations of {self.name}>"

    def __reduce__(self):
        raise TypeError("native curves cannot be pickled; ask milagro.backend for the curve again")
