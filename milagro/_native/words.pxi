# What mont.h offers: arithmetic on numbers in words.

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int8_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memmove, memset

ctypedef uint64_t limb      # a word, or a truth value
ctypedef uint64_t digit     # a part of a field element

cdef enum:
    DIGITS = NLIMBS

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
    void mont_add_called(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_sub_called(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_neg(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_halve(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_mul(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_sqr(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_product(limb* z, const limb* x, const limb* y) noexcept nogil
    void mont_square(limb* z, const limb* x) noexcept nogil
    void mont_redc(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    limb mont_raw_add(limb* z, const limb* x, const limb* y) noexcept nogil
    void mont_wide_add(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_wide_sub(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void mont_wide_sub_plain(limb* z, const limb* x, const limb* y) noexcept nogil
    void mont_pow(limb* z, const limb* x, const limb* e, const mont_modulus* M) noexcept nogil
    void mont_pow_rows(limb* z, const limb* x, int rows, const limb* e, const mont_modulus* M) noexcept nogil
    void mont_inverse(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    limb mont_is_square(const limb* x, const mont_modulus* M) noexcept nogil
    void mont_are_squares(
        limb* first, limb* second, const limb* x, const limb* y, const mont_modulus* M,
    ) noexcept nogil
    limb mont_is_square_vartime(const limb* x, const mont_modulus* M) noexcept nogil
    int mont_jacobi(const limb* x, const mont_modulus* M) noexcept nogil
    int mont_jacobi_vartime(const limb* x, const mont_modulus* M) noexcept nogil
    void mont_enter(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_leave(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void mont_enter_octets(limb* z, const uint8_t* octets, size_t size, const mont_modulus* M) noexcept nogil
    void mont_reduce_octets(limb* z, const uint8_t* octets, size_t size, const mont_modulus* M) noexcept nogil
    void mont_from_octets(limb* z, const uint8_t* octets, size_t size) noexcept nogil
    void words_from_octets "mont_from_octets"(limb* z, const uint8_t* octets, size_t size) noexcept nogil
    void mont_to_octets(uint8_t* octets, const limb* x, size_t size) noexcept nogil
    void mont_move(limb* z, const limb* x, limb bit) noexcept nogil
    void mont_gather(limb* z, const limb* x, size_t words, limb bit) noexcept nogil
    limb mont_is_zero(const limb* x) noexcept nogil
    limb mont_equal(const limb* x, const limb* y) noexcept nogil
    limb mont_below(const limb* x, const limb* y) noexcept nogil
    limb mont_odd(const limb* x, const mont_modulus* M) noexcept nogil
    limb mont_not(limb bit) noexcept nogil
    limb mont_word_equal(limb x, limb y) noexcept nogil
    limb mont_mask(limb bit) noexcept nogil
    void mont_wipe(void* memory, size_t size) noexcept nogil
    void mont_wipe_stack() noexcept nogil

    void tower_plain_add(limb* z, const limb* x, const limb* y) noexcept nogil
    void tower_add(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void tower_sub(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void tower_product(limb* z, const limb* x, const limb* y) noexcept nogil
    void tower_redc(limb* z, const limb* x, const mont_modulus* M) noexcept nogil
    void tower_mul(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void tower_wide_add(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void tower_wide_sub(limb* z, const limb* x, const limb* y, const mont_modulus* M) noexcept nogil
    void tower_wide_sub_both(limb* z, const limb* x, const limb* y) noexcept nogil
