# One name for each operation of Fp and Fp2, chosen when the module is compiled, so that what follows is written once
# for E(Fp) and E'(Fp2). In comments, b stands for the constant of the curve in question.

ctypedef fused element:
    fp_t
    fp2_t


cdef inline void el_add(element* z, const element* x, const element* y, const curve_t* E) noexcept nogil:
    if element is fp_t:
        mont_add_called(z.v, x.v, y.v, &E.p)
    else:
        fp2_add(z, x, y, E)


cdef inline void el_sub(element* z, const element* x, const element* y, const curve_t* E) noexcept nogil:
    if element is fp_t:
        mont_sub_called(z.v, x.v, y.v, &E.p)
    else:
        fp2_sub(z, x, y, E)


cdef inline void el_neg(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_neg(z, x, E)
    else:
        fp2_neg(z, x, E)


cdef inline void el_halve(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_halve(z, x, E)
    else:
        fp2_halve(z, x, E)


cdef inline void el_mul(element* z, const element* x, const element* y, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_mul(z, x, y, E)
    else:
        fp2_mul(z, x, y, E)


cdef inline void el_sqr(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_sqr(z, x, E)
    else:
        fp2_sqr(z, x, E)


cdef inline void el_inv(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_inv(z, x, E)
    else:
        fp2_inv(z, x, E)


cdef inline limb el_sqrt(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return fp_sqrt(z, x, E)
    else:
        return fp2_sqrt(z, x, E)


cdef inline limb el_is_square(const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return fp_is_square(x, E)
    else:
        return fp2_is_square(x, E)


cdef inline limb el_is_square_of(const element* x, bint public, const curve_t* E) noexcept nogil:
    # The same; by the Jacobi symbol, in variable time, where x is public
    cdef fp_t norm
    if not public:
        return el_is_square(x, E)
    if element is fp_t:
        return fp_is_square_vartime(x, E)
    else:
        fp2_norm(&norm, x, E)
        return fp_is_square_vartime(&norm, E)


cdef inline void el_are_squares(
    limb* first, limb* second, const element* x, const element* y, const curve_t* E,
) noexcept nogil:
    cdef fp_t m, n
    if element is fp_t:
        fp_are_squares(first, second, x, y, E)
    else:
        fp2_norm(&m, x, E)
        fp2_norm(&n, y, E)
        fp_are_squares(first, second, &m, &n, E)


cdef inline limb el_is_zero(const element* x) noexcept nogil:
    if element is fp_t:
        return mont_is_zero(x.v)
    else:
        return fp2_is_zero(x)


cdef inline limb el_equal(const element* x, const element* y) noexcept nogil:
    if element is fp_t:
        return mont_equal(x.v, y.v)
    else:
        return fp2_equal(x, y)


cdef inline void el_move(element* z, const element* x, limb bit) noexcept nogil:
    # z = x where bit = 1
    if element is fp_t:
        mont_move(z.v, x.v, bit)
    else:
        fp2_move(z, x, bit)


cdef inline limb el_sgn0(const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return fp_sgn0(x, E)
    else:
        return fp2_sgn0(x, E)


cdef inline limb el_larger(const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return fp_larger(x, E)
    else:
        return fp2_larger(x, E)


cdef inline limb el_sign(const element* x, bint larger, const curve_t* E) noexcept nogil:
    # Which of x and -x this is, under one of the two rules of spec/curves.md
    if larger:
        return el_larger(x, E)
    return el_sgn0(x, E)


cdef inline void el_one(element* z, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_one(z, E)
    else:
        fp2_one(z, E)


cdef inline limb el_from_octets(element* z, const uint8_t* octets, const curve_t* E) noexcept nogil:
    if element is fp_t:
        return fp_from_octets(z, octets, E)
    else:
        return fp2_from_octets(z, octets, E)


cdef inline void el_to_octets(uint8_t* octets, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_to_octets(octets, x, E)
    else:
        fp2_to_octets(octets, x, E)


cdef inline void el_reduce(element* z, const uint8_t* octets, size_t size, const curve_t* E) noexcept nogil:
    # hash_to_field of RFC 9380, section 5.2, on octets that are uniform already. Spec: spec/curves.md#hash-to-field
    if element is fp_t:
        fp_reduce(z, octets, size, E)
    else:
        fp_reduce(&z.a, octets, size // 2, E)
        fp_reduce(&z.b, octets + size // 2, size // 2, E)


cdef inline void el_mul_3b(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_mul_small(z, x, E.b3, E)
    else:
        fp2_mul(z, x, &E.twist_b3, E)


cdef inline void el_mul_b(element* z, const element* x, const curve_t* E) noexcept nogil:
    if element is fp_t:
        fp_mul_small(z, x, E.b3 // 3, E)
    else:
        fp2_mul(z, x, &E.twist_b, E)


cdef void el_dot(
    element* z, const element* a, const element* b, const element* c, const element* d, const curve_t* E,
) noexcept nogil:
    # ab + cd with one reduction
    cdef fp_wide_t s, t
    cdef fp2_wide_t s2, t2
    if element is fp_t:
        mont_product(s.v, a.v, b.v)
        mont_product(t.v, c.v, d.v)
        mont_wide_add(s.v, s.v, t.v, &E.p)
        mont_redc(z.v, s.v, &E.p)
    else:
        fp2_product(&s2, a, b, E)
        fp2_product(&t2, c, d, E)
        fp2_wide_add(&s2, &s2, &t2, E)
        fp2_reduce(z, &s2, E)


cdef inline void el_curve_value(element* z, const element* x, const curve_t* E) noexcept nogil:
    # x^3 + b
    cdef element t
    el_sqr(&t, x, E)
    el_mul(&t, &t, x, E)
    if element is fp_t:
        fp_add(z, &t, &E.b, E)
    else:
        fp2_add(z, &t, &E.twist_b, E)


cdef void el_inv_batch(element* z, element* products, Py_ssize_t n, const curve_t* E) noexcept nogil:
    # Each of z[0 .. n-1] becomes its inverse, 0 stays 0: one inversion and 3(n - 1) products (Montgomery's trick).
    # Constant time; `products` is working space for n elements, to be wiped by the caller where they are secret.
    cdef element t, one, inverse
    cdef limb vanishes
    cdef Py_ssize_t i
    if n == 0:
        return
    el_one(&one, E)
    t = one
    for i in range(n):                      # products[i] = z[0] .. z[i-1], with 1 in place of 0
        products[i] = t
        inverse = z[i]
        el_move(&inverse, &one, el_is_zero(&z[i]))
        el_mul(&t, &t, &inverse, E)
    el_inv(&t, &t, E)
    for i in range(n - 1, -1, -1):          # t = 1/(z[0] .. z[i])
        vanishes = el_is_zero(&z[i])
        inverse = z[i]
        el_move(&inverse, &one, vanishes)
        el_mul(&products[i], &products[i], &t, E)
        el_mul(&t, &t, &inverse, E)
        memset(&inverse, 0, sizeof(element))
        z[i] = products[i]
        el_move(&z[i], &inverse, vanishes)
    mont_wipe(&t, sizeof(t))
    mont_wipe(&inverse, sizeof(inverse))


cdef void el_roots_of_ratios(
    element* y, limb* found, element* U, const element* V, int n, const curve_t* E,
) noexcept nogil:
    # A root of each of n <= ROWS ratios U/V, V not 0, and whether there is one. Where there is none, y^2 = -U/V in Fp.
    cdef element inverse[ROWS]
    cdef element products[ROWS]
    cdef int k
    if element is fp_t:
        fp_roots_of_ratios(y, found, U, V, n, E)
    else:
        memcpy(inverse, V, n * sizeof(element))
        el_inv_batch(inverse, products, n, E)
        for k in range(n):
            el_mul(&U[k], &U[k], &inverse[k], E)
        fp2_roots(y, found, U, n, E)
        mont_wipe(inverse, sizeof(inverse))
        mont_wipe(products, sizeof(products))
