# The original library's maps to points, by try and increment: for public messages, in variable time.

cdef void map_original_g1(fp_t* R, const uint8_t* h, size_t size, const curve_t* E) noexcept nogil:
    # mapit: x = h, h + 1, .. until x^3 + b is a square other than 0; even y; times the cofactor. h is public: variable
    # time.
    # Spec: spec/curves.md#map-original-g1
    cdef fp_t one, value
    cdef fp_t T[3]
    fp_one(&one, E)
    fp_reduce(&T[0], h, size, E)
    while True:
        el_curve_value(&value, &T[0], E)
        if mont_jacobi_vartime(value.v, &E.p) == 1 and pt_from_x(T, 0, False, E):
            if E.bn:
                pt_copy(R, T)
                return
            pt_mul_integer(R, T, &E.cofactor, E)
            if not mont_is_zero(R[2].v):
                return
        fp_add(&T[0], &T[0], &one, E)


cdef void map_original_g2(fp2_t* R, const uint8_t* h, size_t size, const curve_t* E) noexcept nogil:
    # mapit2: X = 1 + i*h, 1 + i*(h + 1), .. until X^3 + b' has a root under the original rule; that root; cofactor.
    # Spec: spec/curves.md#map-original-g2
    cdef fp_t one
    cdef fp2_t value
    cdef fp2_t T[3]
    fp_one(&one, E)
    el_one(&T[2], E)
    T[0].a = one
    fp_reduce(&T[0].b, h, size, E)
    while True:
        el_curve_value(&value, &T[0], E)
        if fp2_sqrt_original(&T[1], &value, E):
            break
        fp_add(&T[0].b, &T[0].b, &one, E)
    g2_clear_cofactor(R, T, E)
