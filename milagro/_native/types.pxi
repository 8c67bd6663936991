# Structures. A field element is a residue in Montgomery form, always fully reduced; a scalar is a plain number below r.
# A point is three homogeneous projective coordinates in a row, (X : Y : Z) for (X/Z, Y/Z), identity (0 : 1 : 0).
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int8_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset

ctypedef uint64_t limb

cdef extern from "mont.h":
    ctypedef struct mont_modulus:
        limb m[NLIMBS]
        limb one[NLIMBS]
        limb half[NLIMBS]
        limb r3[NLIMBS]
        limb spare          # 1 if 2m < 2^(64*NLIMBS)

    int mont_supported() noexcept nogil
    void mont_setup(mont_modulus* M) noexcept nogil
    void mont_add(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_sub(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_neg(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_halve(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_mul(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_product(limb* z, const limb* x, const limb* y) noexcept nogil
    void mont_redc(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    limb mont_raw_add(limb* z, const limb* x, const limb* y) noexcept nogil
    void mont_wide_add(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_wide_sub(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_wide_sub_plain(limb* z, const limb* x, const limb* y) noexcept nogil
    void mont_pow(limb* z, const limb* x, const limb* e, const mont_modulus* M) noexcept nogil
    void mont_inverse(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    int mont_jacobi(const limb* x, const mont_modulus* M) noexcept nogil
    void mont_enter(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_leave(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_reduce_octets(limb* z, const uint8_t* octets, size_t size, const mont_modulus* M) noexcept nogil
    void mont_from_octets(limb* z, const uint8_t* octets, size_t size) noexcept nogil
    void mont_to_octets(uint8_t* octets, const limb* x, size_t size) noexcept nogil
    void mont_move(limb* z, const limb* x, limb bit) noexcept nogil
    void mont_gather(limb* z, const limb* x, size_t words, limb bit) noexcept nogil
    limb mont_is_zero(const limb* x) noexcept nogil
    limb mont_equal(const limb* x, const limb* y) noexcept nogil
    limb mont_below(const limb* x, const limb* y) noexcept nogil
    limb mont_word_equal(limb x, limb y) noexcept nogil
    limb mont_mask(limb bit) noexcept nogil
    void mont_wipe(void* memory, size_t size) noexcept nogil
    void mont_wipe_stack() noexcept nogil

cdef extern from "split.h":
    void split_round(limb* c, const limb* k, const limb* g) noexcept nogil
    void split_subtract(limb* a, const limb* c, const limb* b) noexcept nogil
    limb split_digit(const limb* a, int at, int width, limb* sign) noexcept nogil
    void split_naf(int8_t* digits, int size, const limb* a, int width) noexcept nogil

cdef enum:
    INTEGER_OCTETS = 72     # the longest public multiplier
    NAF_DIGITS = 144        # the longest signed-digit form: 6u + 2 of FP512BN has 131
    MAP_CONSTANTS = 64      # constants of a map to a curve: 58 in G2 of BLS12-381
    SEED_RUNS = 8           # the most non-zero digits of a seed that is worked off in runs of compressed squarings
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
    limb v[NLIMBS]

cdef struct fp_wide_t:      # a sum of products before its reduction, below p * 2^(64*NLIMBS)
    limb v[2 * NLIMBS]

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

cdef struct fp12_t:         # a + w*b
    fp6_t a
    fp6_t b

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

cdef struct lattice_t:        # how an exponent is divided into four, see gt.pxi
    limb basis[4][4][GLS_WORDS]
    limb ratio[4][NLIMBS + 1]
    bint minus[4]           # whether the ratio is negative
    int bits                # of the longest part

cdef struct map_t:          # which map to a curve, and the number of coefficients of each isogeny polynomial
    bint sswu
    int terms[4]

cdef struct split_t:        # milagro.params.Decomposition
    int parts               # number of short scalars
    int digits              # of each of them, of DIGIT bits
    int bits                # of their sizes
    limb factors[PARTS][NLIMBS + 1]
    limb basis[PARTS][PARTS][NLIMBS]

cdef struct curve_t:
    mont_modulus p
    mont_modulus r
    scalar_t root           # exponents: (p + 1)/4, a square root where there is one
    scalar_t root_inverse   # (p - 3)/4, its inverse
    fp_t root_of_z          # Z^((p + 1)/4) for the Z of an SSWU map to G1
    int places              # digits of a scalar, of DIGIT bits
    int field_bytes
    int scalar_bytes
    bint bn                 # BN, else BLS12
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
    lattice_t gt_lattice
    int b3_scale            # 3b' of the twist = b3_scale * (b3_a + i*b3_b) where that is small, else b3_scale = 0
    int b3_a
    int b3_b
    fp2_t psi_x
    fp2_t psi_y
    fp_t beta               # (x, y) -> (beta x, y) is lambda on G1
    split_t glv             # scalars of G1 by lambda
    split_t gls             # scalars of G2 by psi
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
