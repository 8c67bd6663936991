# The boundary, first half: scalars and the two groups of points. What each method returns and raises is said by
# milagro.backend.CurveOps. G1 and G2 are the same lines over Fp and Fp2.

cdef class PointOps(CurveData):
    """Scalars, G1 and G2 of one curve."""

    # -- scalars: plain numbers below r ----------------------------------------------- Spec: spec/curves.md#fields

    def scalar_from_bytes(self, bytes octets not None):
        cdef Scalar k = new_scalar(self)
        if len(octets) != self.E.scalar_bytes and len(octets) != self.E.field_bytes:
            raise WrongLength(f"a scalar has {self.E.scalar_bytes} octets, got {len(octets)}")
        mont_from_octets(k.k.v, octets_of(octets), len(octets))
        if not declassify(mont_below(k.k.v, self.E.r.m)):
            raise NonCanonical("a scalar is not below the group's order")
        return k

    def scalar_from_bits(self, bytes octets not None):
        cdef Scalar k = new_scalar(self)
        cdef int spare = 64 * NLIMBS
        if len(octets) != self.E.scalar_bytes:
            raise WrongLength(f"a scalar has {self.E.scalar_bytes} octets, got {len(octets)}")
        mont_from_octets(k.k.v, octets_of(octets), len(octets))
        while not self.E.r.m[(spare - 1) // 64] >> ((spare - 1) % 64) & 1:
            spare -= 1                          # down to the bits of r
        mask_bits(k.k.v, spare)
        if not declassify(mont_below(k.k.v, self.E.r.m)):
            raise NonCanonical("a number is not below the group's order")
        return k

    def scalar_from_decimal(self, bytes digits not None):
        cdef Scalar k = new_scalar(self)
        if not 1 <= len(digits) <= DECIMAL_DIGITS:
            raise WrongLength(f"a number has 1 to {DECIMAL_DIGITS} decimal digits, got {len(digits)}")
        memset(&k.k, 0, sizeof(k.k))
        if not declassify(read_decimal(k.k.v, octets_of(digits), len(digits))):
            raise NonCanonical("an octet is not a decimal digit")
        return k

    def scalar_reduce(self, bytes octets not None):
        cdef Scalar k = new_scalar(self)
        mont_reduce_octets(k.k.v, octets_of(octets), len(octets), &self.E.r)
        return k

    def scalar_to_bytes(self, Scalar k not None):
        own(self, k)
        cdef bytes octets = new_octets(self.E.scalar_bytes)
        mont_to_octets(<uint8_t*>octets_of(octets), k.k.v, self.E.scalar_bytes)
        return octets

    def scalar_add(self, Scalar a not None, Scalar b not None):
        own(self, a)
        own(self, b)
        cdef Scalar k = new_scalar(self)
        mont_add(k.k.v, a.k.v, b.k.v, &self.E.r)
        return k

    def scalar_sub(self, Scalar a not None, Scalar b not None):
        own(self, a)
        own(self, b)
        cdef Scalar k = new_scalar(self)
        mont_sub(k.k.v, a.k.v, b.k.v, &self.E.r)
        return k

    def scalar_mul(self, Scalar a not None, Scalar b not None):
        own(self, a)
        own(self, b)
        cdef Scalar k = new_scalar(self)
        scalar_product(&k.k, &a.k, &b.k, &self.E)
        return k

    def scalar_neg(self, Scalar a not None):
        own(self, a)
        cdef Scalar k = new_scalar(self)
        mont_neg(k.k.v, a.k.v, &self.E.r)
        return k

    def scalar_inv(self, Scalar a not None):
        own(self, a)
        cdef Scalar k = new_scalar(self)
        scalar_inverse(&k.k, &a.k, &self.E)
        return k

    def scalar_equal(self, Scalar a not None, Scalar b not None):
        own(self, a)
        own(self, b)
        return declassify(mont_equal(a.k.v, b.k.v))

    def scalar_is_zero(self, Scalar a not None):
        own(self, a)
        return declassify(mont_is_zero(a.k.v))

    # -- G1 ---------------------------------------------------------------------------- Spec: spec/curves.md#curves

    def g1_generator(self):
        cdef G1 R = new_g1(self)
        pt_copy(R.P, self.E.g1)
        R.generator = True
        return R

    def g1_identity(self):
        cdef G1 R = new_g1(self)
        pt_identity(R.P, &self.E)
        return R

    def g1_from_affine(self, bytes x not None, bytes y not None):
        cdef G1 R = new_g1(self)
        read_point(R.P, x, y, &self.E)
        return R

    def g1_from_x(self, bytes x not None, int sign, str rule not None):
        cdef G1 R = new_g1(self)
        read_point_from_x(R.P, x, sign, is_larger_rule(rule), &self.E)
        return R

    def g1_to_affine(self, G1 p not None):
        own(self, p)
        return write_point(<const fp_t*>p.P, &self.E)

    def g1_from_octets(self, bytes octets not None, str encoding not None):
        cdef G1 R = new_g1(self)
        decode_point(<fp_t*>R.P, octets, encoding, &self.E)
        return R

    def g1_to_octets(self, G1 p not None, str encoding not None):
        own(self, p)
        return encode_point(<const fp_t*>p.P, encoding, &self.E)

    def g1_sign(self, G1 p not None, str rule not None):
        own(self, p)
        return sign_of_point(<const fp_t*>p.P, is_larger_rule(rule), &self.E)

    def g1_add(self, G1 p not None, G1 q not None):
        own(self, p)
        own(self, q)
        cdef G1 R = new_g1(self)
        pt_add(R.P, p.P, q.P, &self.E)
        return R

    def g1_neg(self, G1 p not None):
        own(self, p)
        cdef G1 R = new_g1(self)
        pt_neg(R.P, p.P, &self.E)
        mont_wipe_stack()
        return R

    def g1_mul(self, G1 p not None, Scalar k not None):
        own(self, p)
        own(self, k)
        cdef G1 R = new_g1(self)
        if p.generator and self.g1_table == NULL:
            self.g1_table = fixed_table(<const fp_t*>self.E.g1, self.E.places, &self.E)
        with nogil:
            if p.generator:
                fixed_mul(R.P, <const fp_t*>self.g1_table, self.E.places, &k.k, &self.E)
            else:
                pt_mul(R.P, p.P, &k.k, &self.E)
            mont_wipe_stack()
        return R

    def g1_mul_vartime(self, G1 p not None, Scalar k not None):
        own(self, p)
        own(self, k)
        cdef G1 R = new_g1(self)
        with nogil:
            pt_mul_vartime(R.P, p.P, &k.k, &self.E)
        return R

    def g1_mul_integer(self, G1 p not None, k):
        own(self, p)
        cdef G1 R = new_g1(self)
        multiply_by_integer(R.P, p.P, k, &self.E)
        return R

    def g1_msm(self, points, scalars):
        check_lengths(points, scalars)
        cdef Py_ssize_t i, n = len(points)
        cdef G1 P, R = new_g1(self)
        cdef Scalar k
        cdef size_t size = n * (3 * sizeof(fp_t) + sizeof(scalar_t))
        cdef fp_t* Ps = <fp_t*>allocate(size)
        cdef scalar_t* ks = <scalar_t*>(Ps + 3 * n)
        try:
            for i in range(n):
                P, k = points[i], scalars[i]
                own(self, P)
                own(self, k)
                pt_copy(&Ps[3 * i], P.P)
                ks[i] = k.k
            pt_msm(R.P, <const fp_t*>Ps, ks, n, &self.E)
            mont_wipe_stack()
        finally:
            mont_wipe(Ps, size)
            free(Ps)
        return R

    def g1_msm_vartime(self, points, scalars):
        check_lengths(points, scalars)
        cdef Py_ssize_t i, n = len(points)
        cdef G1 P, R = new_g1(self)
        cdef Scalar k
        cdef fp_t* Ps = <fp_t*>allocate(n * (3 * sizeof(fp_t) + sizeof(scalar_t)))
        cdef scalar_t* ks = <scalar_t*>(Ps + 3 * n)
        try:
            for i in range(n):
                P, k = points[i], scalars[i]
                own(self, P)
                own(self, k)
                pt_copy(&Ps[3 * i], P.P)
                ks[i] = k.k
            pt_msm_vartime(R.P, Ps, ks, n, &self.E)
        finally:
            free(Ps)
        return R

    def g1_msm_array_vartime(self, points, scalars):
        cdef Octets xy = Octets(points), octets = Octets(scalars)
        count_rows(xy, octets, 2 * self.E.field_bytes * (sizeof(fp_t) // sizeof(fp_t)), self.E.scalar_bytes)
        cdef G1 R = new_g1(self)
        cdef Py_ssize_t n = octets.view.len // self.E.scalar_bytes
        cdef fp_t* Ps = <fp_t*>allocate(n * (3 * sizeof(fp_t) + sizeof(scalar_t)))
        cdef scalar_t* ks = <scalar_t*>(Ps + 3 * n)
        cdef int fault
        try:
            with nogil:
                fault = read_terms(Ps, ks, n, <const uint8_t*>xy.view.buf, <const uint8_t*>octets.view.buf, &self.E)
            if fault:
                raise refusal(fault, "G1", "")
            pt_msm_vartime(R.P, Ps, ks, n, &self.E)
        finally:
            free(Ps)
        return R

    def g1_equal(self, G1 p not None, G1 q not None):
        own(self, p)
        own(self, q)
        return declassify(pt_equal(<const fp_t*>p.P, <const fp_t*>q.P, &self.E))

    def g1_is_identity(self, G1 p not None):
        own(self, p)
        return declassify(el_is_zero(&p.P[2]))

    def g1_in_subgroup(self, G1 p not None):
        own(self, p)
        cdef limb member
        with nogil:
            member = g1_in_subgroup(<const fp_t*>p.P, &self.E)
        return declassify(member)

    def g1_map_to_curve(self, bytes u not None, Py_ssize_t count):
        cdef Py_ssize_t i, size = octets_per_element(u, count, 1)
        cdef G1 Q, R = new_g1(self)
        cdef fp_t t
        fields, points = [], []
        for i in range(count):
            Q = new_g1(self)
            el_reduce(&t, octets_of(u) + i * size, size, &self.E)
            sum_of_maps(Q.P, octets_of(u) + i * size, size, 1, False, &self.E)
            fields.append(write_element(<const fp_t*>&t, &self.E))
            points.append(Q)
        hash_to_point(R.P, octets_of(u), size, count, False, &self.E)
        return fields, points, R

    def g1_hash_uniform(self, bytes u not None, Py_ssize_t count):
        cdef Py_ssize_t size = octets_per_element(u, count, 1)
        cdef G1 R = new_g1(self)
        cdef const uint8_t* octets = octets_of(u)
        with nogil:
            hash_to_point(R.P, octets, size, count, False, &self.E)
            mont_wipe_stack()
        return R

    def g1_hash_uniform_vartime(self, bytes u not None, Py_ssize_t count):
        cdef Py_ssize_t size = octets_per_element(u, count, 1)
        cdef G1 R = new_g1(self)
        cdef const uint8_t* octets = octets_of(u)
        with nogil:
            hash_to_point(R.P, octets, size, count, True, &self.E)
        return R

    def g1_map_original(self, bytes h not None):
        cdef G1 R = new_g1(self)
        cdef const uint8_t* octets = octets_of(h)
        cdef Py_ssize_t size = len(h)
        with nogil:
            map_original_g1(R.P, octets, size, &self.E)
        return R

    # -- G2 ----------------------------------------------------------------------------- Spec: spec/curves.md#twist

    def g2_generator(self):
        cdef G2 R = new_g2(self)
        pt_copy(R.P, self.E.g2)
        R.generator = True
        return R

    def g2_identity(self):
        cdef G2 R = new_g2(self)
        pt_identity(R.P, &self.E)
        return R

    def g2_from_affine(self, bytes x not None, bytes y not None):
        cdef G2 R = new_g2(self)
        read_point(R.P, x, y, &self.E)
        return R

    def g2_from_x(self, bytes x not None, int sign, str rule not None):
        cdef G2 R = new_g2(self)
        read_point_from_x(R.P, x, sign, is_larger_rule(rule), &self.E)
        return R

    def g2_to_affine(self, G2 p not None):
        own(self, p)
        return write_point(<const fp2_t*>p.P, &self.E)

    def g2_from_octets(self, bytes octets not None, str encoding not None):
        cdef G2 R = new_g2(self)
        decode_point(<fp2_t*>R.P, octets, encoding, &self.E)
        return R

    def g2_to_octets(self, G2 p not None, str encoding not None):
        own(self, p)
        return encode_point(<const fp2_t*>p.P, encoding, &self.E)

    def g2_sign(self, G2 p not None, str rule not None):
        own(self, p)
        return sign_of_point(<const fp2_t*>p.P, is_larger_rule(rule), &self.E)

    def g2_add(self, G2 p not None, G2 q not None):
        own(self, p)
        own(self, q)
        cdef G2 R = new_g2(self)
        pt_add(R.P, p.P, q.P, &self.E)
        return R

    def g2_neg(self, G2 p not None):
        own(self, p)
        cdef G2 R = new_g2(self)
        pt_neg(R.P, p.P, &self.E)
        mont_wipe_stack()
        return R

    def g2_mul(self, G2 p not None, Scalar k not None):
        own(self, p)
        own(self, k)
        cdef G2 R = new_g2(self)
        if p.generator and self.g2_table == NULL:
            self.g2_table = fixed_table(<const fp2_t*>self.E.g2, self.E.places, &self.E)
        with nogil:
            if p.generator:
                fixed_mul(R.P, <const fp2_t*>self.g2_table, self.E.places, &k.k, &self.E)
            else:
                pt_mul(R.P, p.P, &k.k, &self.E)
            mont_wipe_stack()
        return R

    def g2_mul_vartime(self, G2 p not None, Scalar k not None):
        own(self, p)
        own(self, k)
        cdef G2 R = new_g2(self)
        with nogil:
            pt_mul_vartime(R.P, p.P, &k.k, &self.E)
        return R

    def g2_mul_integer(self, G2 p not None, k):
        own(self, p)
        cdef G2 R = new_g2(self)
        multiply_by_integer(R.P, p.P, k, &self.E)
        return R

    def g2_msm(self, points, scalars):
        check_lengths(points, scalars)
        cdef Py_ssize_t i, n = len(points)
        cdef G2 P, R = new_g2(self)
        cdef Scalar k
        cdef size_t size = n * (3 * sizeof(fp2_t) + sizeof(scalar_t))
        cdef fp2_t* Ps = <fp2_t*>allocate(size)
        cdef scalar_t* ks = <scalar_t*>(Ps + 3 * n)
        try:
            for i in range(n):
                P, k = points[i], scalars[i]
                own(self, P)
                own(self, k)
                pt_copy(&Ps[3 * i], P.P)
                ks[i] = k.k
            pt_msm(R.P, <const fp2_t*>Ps, ks, n, &self.E)
            mont_wipe_stack()
        finally:
            mont_wipe(Ps, size)
            free(Ps)
        return R

    def g2_msm_vartime(self, points, scalars):
        check_lengths(points, scalars)
        cdef Py_ssize_t i, n = len(points)
        cdef G2 P, R = new_g2(self)
        cdef Scalar k
        cdef fp2_t* Ps = <fp2_t*>allocate(n * (3 * sizeof(fp2_t) + sizeof(scalar_t)))
        cdef scalar_t* ks = <scalar_t*>(Ps + 3 * n)
        try:
            for i in range(n):
                P, k = points[i], scalars[i]
                own(self, P)
                own(self, k)
                pt_copy(&Ps[3 * i], P.P)
                ks[i] = k.k
            pt_msm_vartime(R.P, Ps, ks, n, &self.E)
        finally:
            free(Ps)
        return R

    def g2_msm_array_vartime(self, points, scalars):
        cdef Octets xy = Octets(points), octets = Octets(scalars)
        count_rows(xy, octets, 2 * self.E.field_bytes * (sizeof(fp2_t) // sizeof(fp_t)), self.E.scalar_bytes)
        cdef G2 R = new_g2(self)
        cdef Py_ssize_t n = octets.view.len // self.E.scalar_bytes
        cdef fp2_t* Ps = <fp2_t*>allocate(n * (3 * sizeof(fp2_t) + sizeof(scalar_t)))
        cdef scalar_t* ks = <scalar_t*>(Ps + 3 * n)
        cdef int fault
        try:
            with nogil:
                fault = read_terms(Ps, ks, n, <const uint8_t*>xy.view.buf, <const uint8_t*>octets.view.buf, &self.E)
            if fault:
                raise refusal(fault, "G2", "")
            pt_msm_vartime(R.P, Ps, ks, n, &self.E)
        finally:
            free(Ps)
        return R

    def g2_equal(self, G2 p not None, G2 q not None):
        own(self, p)
        own(self, q)
        return declassify(pt_equal(<const fp2_t*>p.P, <const fp2_t*>q.P, &self.E))

    def g2_is_identity(self, G2 p not None):
        own(self, p)
        return declassify(el_is_zero(&p.P[2]))

    def g2_in_subgroup(self, G2 p not None):
        own(self, p)
        cdef limb member
        with nogil:
            member = g2_in_subgroup(<const fp2_t*>p.P, &self.E)
        return declassify(member)

    def g2_map_to_curve(self, bytes u not None, Py_ssize_t count):
        cdef Py_ssize_t i, size = octets_per_element(u, count, 2)
        cdef G2 Q, R = new_g2(self)
        cdef fp2_t t
        fields, points = [], []
        for i in range(count):
            Q = new_g2(self)
            el_reduce(&t, octets_of(u) + i * size, size, &self.E)
            sum_of_maps(Q.P, octets_of(u) + i * size, size, 1, False, &self.E)
            fields.append(write_element(<const fp2_t*>&t, &self.E))
            points.append(Q)
        hash_to_point(R.P, octets_of(u), size, count, False, &self.E)
        return fields, points, R

    def g2_hash_uniform(self, bytes u not None, Py_ssize_t count):
        cdef Py_ssize_t size = octets_per_element(u, count, 2)
        cdef G2 R = new_g2(self)
        cdef const uint8_t* octets = octets_of(u)
        with nogil:
            hash_to_point(R.P, octets, size, count, False, &self.E)
            mont_wipe_stack()
        return R

    def g2_hash_uniform_vartime(self, bytes u not None, Py_ssize_t count):
        cdef Py_ssize_t size = octets_per_element(u, count, 2)
        cdef G2 R = new_g2(self)
        cdef const uint8_t* octets = octets_of(u)
        with nogil:
            hash_to_point(R.P, octets, size, count, True, &self.E)
        return R

    def g2_map_original(self, bytes h not None):
        cdef G2 R = new_g2(self)
        cdef const uint8_t* octets = octets_of(h)
        cdef Py_ssize_t size = len(h)
        with nogil:
            map_original_g2(R.P, octets, size, &self.E)
        return R
