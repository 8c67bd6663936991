# The easy part of the final exponentiation by the tower.                  Spec: spec/curves.md#final-exponentiation

cdef void easy_part(fp12_t* f, const curve_t* E) noexcept nogil:
    # With f = a + wb and w^2 = v: f^(p^6 - 1) = (a - wb)/(a + wb) = (a^2 + v*b^2 - w*2ab)/(a^2 - v*b^2), which takes
    # one inversion in Fp6; then f^(p^2 + 1).
    cdef fp6_t aa, vbb, ab, norm
    cdef fp12_t t
    fp6_mul(&ab, &f.a, &f.b, E)
    fp6_mul(&aa, &f.a, &f.a, E)
    fp6_mul(&vbb, &f.b, &f.b, E)
    fp6_mul_v(&vbb, &vbb, E)
    fp6_sub(&norm, &aa, &vbb, E)
    fp6_add(&aa, &aa, &vbb, E)
    fp6_inv(&norm, &norm, E)
    fp6_mul(&f.a, &aa, &norm, E)
    fp6_add(&ab, &ab, &ab, E)
    fp6_neg(&ab, &ab, E)
    fp6_mul(&f.b, &ab, &norm, E)
    fp12_frob2(&t, f, E)
    fp12_mul(f, f, &t, E)
    mont_wipe(&aa, sizeof(aa))
    mont_wipe(&vbb, sizeof(vbb))
    mont_wipe(&ab, sizeof(ab))
    mont_wipe(&norm, sizeof(norm))
    mont_wipe(&t, sizeof(t))
