# Structures. A field element is a residue in Montgomery form, always fully reduced; a scalar is a plain number below r.
# A point is three homogeneous projective coordinates in a row, (X : Y : Z) for (X/Z, Y/Z), identity (0 : 1 : 0).

cdef extern from "split.h":
    void split_round(limb* c, const limb* k, const limb* g) noexcept nogil
    void split_subtract(limb* a, const limb* c, const limb* b) noexcept nogil
    limb split_digit(const limb* a, int at, int width, limb* sign) noexcept nogil
    void split_naf(int8_t* digits, int size, const limb* a, int width) noexcept nogil

cdef enum:
    ROWS = 2               # field elements that are raised to a power together: MONT_ROWS of mont.h
    INTEGER_OCTETS = 72     # the longest public multiplier
    NAF_DIGITS = 144        # the longest signed-digit form: 6u + 2 of FP512BN has 131
    MAP_CONSTANTS = 64      # constants of a map to a curve: 37 in G1 of BLS12-381
    SEED_RUNS = 10          # the most non-zero digits of a seed that is worked off in runs of compressed squarings
    SEED_TABLE = 4          # x, x^3, x^5, x^7: the table for any other seed
    GLS_WORDS = 3           # words of a number that is a few times u, with its sign: FP512BN has 130 bits
    GLS_BITS = 144          # the most signed digits of one
    DIGIT = 5               # bits of a short scalar for each table look-up; params proves that 4 and 5 are safe
    MULTIPLES = 16          # 2^(DIGIT - 1) entries, P to MULTIPLES*P
    ODD = 8                 # entries P, 3P, .. 15P, for public scalars in non-adjacent form of width 5
    NAF_WIDTH = 5
    SHORT_DIGITS = 272      # the longest non-adjacent form of a short scalar: G1 of FP512BN has 257
    PARTS = 4               # the most short scalars: 2 in G1, 4 in G2

cdef struct scalar_t:
    limb v[NLIMBS]

cdef struct fp_t:
    digit v[DIGITS]

cdef struct fp_wide_t:      # a sum of products before its reduction, below p * 2^(64*NLIMBS)
    digit v[2 * DIGITS]

cdef struct fp2_wide_t:
    fp_wide_t a
    fp_wide_t b

cdef struct fp6_wide_t:
    fp2_wide_t a
    fp2_wide_t b
    fp2_wide_t c

cdef struct fp2_t:          # a + i*b
    fp_t a
    fp_t b

cdef struct fp6_t:          # a + v*b + v^2*c
    fp2_t a
    fp2_t b
    fp2_t c

cdef struct integer_t:      # a public integer: big-endian magnitude and sign
    uint8_t octets[INTEGER_OCTETS]
    int size
    bint negative

cdef struct naf_t:          # a public integer in digits -1, 0, 1, most significant first, and its sign
    int8_t digits[NAF_DIGITS]
    int size
    bint negative

cdef struct seed_power_t:   # how x^|u| is computed in the cyclotomic subgroup, see cyclotomic.pxi
    bint by_runs
    int count               # by runs: the non-zero digits of |u|, least significant first, with place and sign
    int place[SEED_RUNS]
    int sign[SEED_RUNS]
    int first               # squarings after digit `first` up to digit `last` are compressed
    int last
    naf_t windows           # else: digits +-1, 3, 5, 7

cdef struct map_t:          # which map to a curve, and the number of coefficients of each isogeny polynomial
    bint sswu
    int terms[3]

cdef struct split_t:        # milagro.params.Decomposition
    int parts               # number of short scalars
    int digits              # of each of them, of DIGIT bits
    int bits                # of their sizes
    limb factors[PARTS][NLIMBS + 1]
    limb basis[PARTS][PARTS][NLIMBS]

cdef extern from "lanes_table.h":
    ctypedef struct lanes_table:
        const void* curve
        void (*multiply_g1)(
            const void* curve, limb* R, const limb* P, Py_ssize_t next_point, const limb* k, Py_ssize_t next_scalar,
            Py_ssize_t n,
        ) noexcept nogil
        void (*multiply_g2)(
            const void* curve, limb* R, const limb* P, Py_ssize_t next_point, const limb* k, Py_ssize_t next_scalar,
            Py_ssize_t n,
        ) noexcept nogil
        void (*hash_g1)(
            const void* curve, limb* R, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, Py_ssize_t n,
        ) noexcept nogil
        void (*hash_g2)(
            const void* curve, limb* R, const uint8_t* u, Py_ssize_t size, Py_ssize_t count, Py_ssize_t n,
        ) noexcept nogil
        void (*map_original_g1)(
            const void* curve, limb* R, uint8_t* found, const uint8_t* const* h, const size_t* size, Py_ssize_t n,
        ) noexcept nogil
        int (*products)(
            const void* curve, limb* f, uint8_t* is_one, const limb* const* P, const limb* const* Q,
            const uint8_t* prepared, Py_ssize_t m, Py_ssize_t n,
        ) noexcept nogil
        int (*window_sums)(
            const void* curve, limb* sums, const limb* xy, const limb* parts, Py_ssize_t n, int bits, int width,
        ) noexcept nogil

cdef extern from "across_table.h":
    ctypedef struct across_pair:
        const limb* lines
        const limb* l0
        const limb* P

    ctypedef struct across_table:
        const void* curve
        void (*product)(
            const void* curve, limb* f, limb* is_one, const across_pair* pairs, Py_ssize_t count,
        ) noexcept nogil

cdef struct curve_t:
    const lanes_table* lanes    # the same curve by eight lanes, or NULL
    const across_table* across  # and by the lanes together, or NULL
    mont_modulus p
    mont_modulus r
    scalar_t root           # exponents: (p + 1)/4, a square root where there is one
    scalar_t root_inverse   # (p - 3)/4, its inverse
    fp_t root_of_z          # Z Z^((p + 1)/4) for the Z of an SSWU map to G1
    int places              # digits of a scalar, of DIGIT bits
    int field_bytes
    int scalar_bytes
    bint bn                 # BN, else BLS12
    bint lazy               # 4p < 2^(64*NLIMBS): sums of two sums of residues fit, and products of two such sums
    bint d_twist            # D, else M
    unsigned int b3         # 3b
    unsigned int xi_a       # xi = xi_a + i*xi_b
    unsigned int xi_b
    fp_t b
    fp2_t twist_b
    fp2_t twist_b3
    fp2_t gamma[6]          # gamma_k = xi^(k(p-1)/6), so that (w^k)^p = gamma_k * w^k
    fp_t zeta               # gamma_1^(p+1) = xi^((p^2-1)/6), a primitive sixth root of 1
    fp_t zeta2              # its square
    seed_power_t seed_power
    int b3_scale            # 3b' of the twist = b3_scale * (b3_a + i*b3_b) where that is small, else b3_scale = 0
    int b3_a
    int b3_b
    fp2_t psi_x
    fp2_t psi_y
    fp_t beta               # (x, y) -> (beta x, y) is lambda on G1
    split_t glv             # scalars of G1 by lambda
    split_t gls             # scalars of G2 by psi, exponents in GT by Frobenius
    integer_t order         # r
    integer_t cofactor      # of G1
    naf_t seed_naf
    naf_t ate_naf           # 6u + 2 or u
    map_t map1
    map_t map2
    fp_t map1_data[MAP_CONSTANTS]
    fp2_t map2_data[MAP_CONSTANTS]
    fp_t g1[3]
    fp2_t g2[3]
