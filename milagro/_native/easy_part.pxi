# The easy part of the final exponentiation by the tower.                  Spec: spec/curves.md#final-exponentiation

cdef void easy_part(fp12_t* f, const curve_t* E) noexcept nogil:
    cdef fp6_t norm
    easy_fraction(f, &norm, E)
    fp6_inv(&norm, &norm, E)
    easy_rest(f, &norm, E)
    mont_wipe(&norm, sizeof(norm))


cdef void easy_fraction(fp12_t* f, fp6_t* norm, const curve_t* E) noexcept nogil:
    # With f = a + wb and w^2 = v: f^(p^6 - 1) = (a - wb)/(a + wb) = (a^2 + v*b^2 - w*2ab)/(a^2 - v*b^2): f becomes
    # the numerator and norm the denominator, which is not 0 as f is not.
    cdef fp6_t aa, vbb, ab
    fp6_mul(&ab, &f.a, &f.b, E)
    fp6_mul(&aa, &f.a, &f.a, E)
    fp6_mul(&vbb, &f.b, &f.b, E)
    fp6_mul_v(&vbb, &vbb, E)
    fp6_sub(norm, &aa, &vbb, E)
    fp6_add(&f.a, &aa, &vbb, E)
    fp6_add(&ab, &ab, &ab, E)
    fp6_neg(&f.b, &ab, E)
    mont_wipe(&aa, sizeof(aa))
    mont_wipe(&vbb, sizeof(vbb))
    mont_wipe(&ab, sizeof(ab))


cdef void easy_rest(fp12_t* f, const fp6_t* inverse, const curve_t* E) noexcept nogil:
    # The numerator times the inverse of the denominator, and that to the power p^2 + 1
    cdef fp12_t t
    fp6_mul(&f.a, &f.a, inverse, E)
    fp6_mul(&f.b, &f.b, inverse, E)
    fp12_frob2(&t, f, E)
    fp12_mul(f, f, &t, E)
    mont_wipe(&t, sizeof(t))
