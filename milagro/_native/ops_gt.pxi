# The boundary, second half: GT, pairings, and the field towers for vectors.

cdef dict TOWER_DEGREES = {"fp": 1, "fp2": 2, "fp4": 4, "fp12": 12}
cdef dict TOWER_OPERATIONS = {
    "fp": "add sub neg mul sqr inv sqrt".split(),
    "fp2": "add sub neg mul sqr inv sqrt conj mul_xi frob".split(),
    "fp4": "add sub neg mul sqr inv conj frob".split(),
    "fp12": "add sub neg mul sqr inv conj frob cyclotomic_sqr".split(),
}


@cython.final
cdef class CurveOps(ManyOps):
    """Every operation of one curve, as milagro.backend.CurveOps describes them."""

    # -- GT ----------------------------------------------------------------------------- Spec: spec/curves.md#towers

    def gt_one(self):
        cdef GT R = new_gt(self)
        fp12_one(&R.f, &self.E)
        return R

    def gt_from_bytes(self, bytes octets not None):
        cdef GT R = new_gt(self)
        if len(octets) != 12 * self.E.field_bytes:
            raise WrongLength(f"an element of Fp12 has {12 * self.E.field_bytes} octets, got {len(octets)}")
        if not declassify(fp12_from_octets(&R.f, octets_of(octets), &self.E)):
            raise NonCanonical("a coefficient is not below the field's modulus")
        return R

    def gt_to_bytes(self, GT f not None):
        own(self, f)
        cdef bytes octets = new_octets(12 * self.E.field_bytes)
        fp12_to_octets(<uint8_t*>octets_of(octets), &f.f, &self.E)
        return octets

    def gt_mul(self, GT f not None, GT g not None):
        own(self, f)
        own(self, g)
        cdef GT R = new_gt(self)
        fp12_mul(&R.f, &f.f, &g.f, &self.E)
        mont_wipe_stack()
        return R

    def gt_inv(self, GT f not None):
        own(self, f)
        cdef GT R = new_gt(self)
        fp12_conj(&R.f, &f.f, &self.E)
        mont_wipe_stack()
        return R

    def gt_exp(self, GT f not None, Scalar k not None):
        own(self, f)
        own(self, k)
        cdef GT R = new_gt(self)
        with nogil:
            gt_pow(&R.f, &f.f, &k.k, &self.E)
            mont_wipe_stack()
        return R

    def gt_exp_vartime(self, GT f not None, Scalar k not None):
        own(self, f)
        own(self, k)
        cdef GT R = new_gt(self)
        with nogil:
            gt_pow_vartime(&R.f, &f.f, &k.k, &self.E)
        return R

    def gt_trace(self, GT f not None):
        own(self, f)
        cdef fp2_t a, b
        fp12_trace(&a, &b, &f.f, &self.E)
        octets = write_element(<const fp2_t*>&a, &self.E) + write_element(<const fp2_t*>&b, &self.E)
        mont_wipe(&a, sizeof(a))
        mont_wipe(&b, sizeof(b))
        return octets

    def gt_equal(self, GT f not None, GT g not None):
        own(self, f)
        own(self, g)
        return declassify(fp12_equal(&f.f, &g.f))

    def gt_is_one(self, GT f not None):
        own(self, f)
        return declassify(fp12_is_one(&f.f, &self.E))

    def gt_in_subgroup(self, GT f not None):
        own(self, f)
        cdef limb member
        with nogil:
            member = gt_in_subgroup(&f.f, &self.E)
        return declassify(member)

    # -- pairings ------------------------------------------------------------------------ Spec: spec/curves.md#pairing

    def g2_prepare(self, G2 q not None):
        own(self, q)
        return prepare(self, <const fp2_t*>q.P)

    def pairing(self, p, q):
        return self.pairing_product((p,), (q,))

    def pairing_product(self, ps, qs):
        cdef GT R = new_gt(self)
        self.multiply_pairings(&R.f, ps, qs, False)
        return R

    def pairing_check(self, ps, qs):
        cdef fp12_t f
        cdef bint one = self.multiply_pairings(&f, ps, qs, True)
        mont_wipe(&f, sizeof(f))
        return one

    cdef int multiply_pairings(self, fp12_t* f, ps, qs, bint check) except -1:
        # A pair with an identity contributes the factor 1 and is left out. The answer to a check is whether f is 1.
        check_lengths(ps, qs)
        cdef Py_ssize_t i, n = 0, count = len(ps)
        cdef list left = list(ps), right = list(qs)     # which keeps prepared points alive
        cdef pair_t* pairs = <pair_t*>allocate(count * sizeof(pair_t))
        cdef limb one = 0
        cdef int fault = 0
        try:
            for i in range(count):
                n += place_pair(&pairs[n], self, left[i], right[i])
            with nogil:
                affine_pairs(pairs, n, &self.E)
                if self.E.across != NULL and n:
                    fault = product_across(f, &one if check else NULL, pairs, n, &self.E)
                else:
                    miller_loop(f, pairs, n, &self.E)
                    if check:
                        one = final_exponentiation_is_one(f, &self.E)
                    else:
                        final_exponentiation(f, &self.E)
                one = declassify(one)
                mont_wipe_stack()
            if fault:
                raise MemoryError
        finally:
            mont_wipe(pairs, count * sizeof(pair_t))
            free(pairs)
        return one

    # -- towers -------------------------------------------------------------------------- Spec: spec/curves.md#towers

    def tower(self, str operation not None, *operands):
        field, _, name = operation.partition("_")
        if name not in TOWER_OPERATIONS.get(field, ()):
            raise ParameterError(f"no field operation is called {operation!r}")
        if len(operands) != (2 if name in ("add", "sub", "mul") else 1):
            raise ParameterError(f"{operation} does not take {len(operands)} operands")
        size = TOWER_DEGREES[field] * self.E.field_bytes
        for octets in operands:
            if len(octets) != size:
                raise WrongLength(f"an operand of {operation} has {size} octets, got {len(octets)}")
        x, y = operands[0], operands[len(operands) - 1]
        if field == "fp":
            return tower_fp(name, x, y, &self.E)
        if field == "fp2":
            return tower_fp2(name, x, y, &self.E)
        if field == "fp12":
            return tower_fp12(name, x, y, &self.E)
        zero = bytes(8 * self.E.field_bytes)
        return tower_fp12(name, x + zero, y + zero, &self.E)[:size]


cdef bytes tower_fp(str name, bytes left, bytes right, const curve_t* E):
    cdef fp_t x, y
    read_element(&x, left, E)
    read_element(&y, right, E)
    if name == "add":
        fp_add(&x, &x, &y, E)
    elif name == "sub":
        fp_sub(&x, &x, &y, E)
    elif name == "neg":
        fp_neg(&x, &x, E)
    elif name == "mul":
        fp_mul(&x, &x, &y, E)
    elif name == "sqr":
        fp_sqr(&x, &x, E)
    elif name == "inv":
        fp_inv(&x, &x, E)
    elif not fp_sqrt(&x, &x, E):
        raise NotOnCurve("the number has no square root")
    return write_element(<const fp_t*>&x, E)


cdef bytes tower_fp2(str name, bytes left, bytes right, const curve_t* E):
    cdef fp2_t x, y
    read_element(&x, left, E)
    read_element(&y, right, E)
    if name == "add":
        fp2_add(&x, &x, &y, E)
    elif name == "sub":
        fp2_sub(&x, &x, &y, E)
    elif name == "neg":
        fp2_neg(&x, &x, E)
    elif name == "mul":
        fp2_mul(&x, &x, &y, E)
    elif name == "sqr":
        fp2_sqr(&x, &x, E)
    elif name == "inv":
        fp2_inv(&x, &x, E)
    elif name == "conj" or name == "frob":
        fp2_conj(&x, &x, E)
    elif name == "mul_xi":
        fp2_mul_xi(&y, &x, E)
        x = y
    elif not fp2_sqrt_original(&x, &x, E):
        raise NotOnCurve("the number has no square root")
    return write_element(<const fp2_t*>&x, E)


cdef bytes tower_fp12(str name, bytes left, bytes right, const curve_t* E):
    # An element a + s*b of Fp4 is a + w^3*b here: the first four coefficients, the other eight being 0.
    cdef fp12_t x, y
    if not declassify(fp12_from_octets(&x, octets_of(left), E) & fp12_from_octets(&y, octets_of(right), E)):
        raise NonCanonical("a coefficient is not below the field's modulus")
    if name == "add":
        fp12_add(&x, &x, &y, E)
    elif name == "sub":
        fp12_sub(&x, &x, &y, E)
    elif name == "neg":
        fp12_neg(&x, &x, E)
    elif name == "mul":
        fp12_mul(&x, &x, &y, E)
    elif name == "sqr":
        fp12_sqr(&x, &x, E)
    elif name == "inv":
        fp12_inv(&x, &x, E)
    elif name == "conj":
        fp12_conj(&x, &x, E)
    elif name == "frob":
        fp12_frob(&x, &x, E)
    else:
        fp12_cyclotomic_sqr(&x, &x, E)
    cdef bytes octets = new_octets(12 * E.field_bytes)
    fp12_to_octets(<uint8_t*>octets_of(octets), &x, E)
    return octets
