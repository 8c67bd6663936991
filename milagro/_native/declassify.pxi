# The verdicts on secrets that callers may branch on pass through here; declassify.h says why.

cdef extern from "declassify.h":
    bint declassify(limb bit) noexcept nogil
