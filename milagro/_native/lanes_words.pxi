# What words.pxi offers, for eight residues at once: the same names, so that the same text is compiled for both. A
# digit is a lane of eight; a truth value is a mask with a bit for each lane.
cimport cython
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int8_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memmove, memset

ctypedef uint64_t limb

cdef enum:
    LANES = 8
    LANES_ALL = 0xff

cdef extern from "mont.h":
    # of one number in words
    ctypedef struct words_modulus "mont_modulus":
        limb one[NLIMBS]

    void words_from_octets "mont_from_octets"(limb* z, const uint8_t* octets, size_t size) noexcept nogil
    void words_to_octets "mont_to_octets"(uint8_t* octets, const limb* x, size_t size) noexcept nogil
    void words_reduce_octets "mont_reduce_octets"(
        limb* z, const uint8_t* octets, size_t size, const words_modulus* M,
    ) noexcept nogil
    void words_enter "mont_enter"(limb* z, const limb* x, const words_modulus* M) noexcept nogil
    limb mont_word_equal(limb x, limb y) noexcept nogil
    void mont_gather(limb* z, const limb* x, size_t words, limb bit) noexcept nogil
    void mont_wipe(void* memory, size_t size) noexcept nogil
    void mont_wipe_stack() noexcept nogil

cdef extern from "lanes.h":
    ctypedef struct digit "lane":
        pass

    ctypedef struct mont_modulus "lanes_modulus":
        limb m[NLIMBS]
        limb half[NLIMBS]
        limb spare
        unsigned int shift      # 0 for a modulus that does not fit
        words_modulus words
        digit one[DIGITS]
        digit r3[DIGITS]
        digit into "in"[DIGITS]

    void enter_lanes(const mont_modulus* M) noexcept nogil
    digit lane_load(const limb* x) noexcept nogil
    void lane_store(limb* z, digit x) noexcept nogil
    limb lanes_where(const limb* x, limb value) noexcept nogil
    void lanes_pick(digit* z, const digit* x, size_t count, limb mask) noexcept nogil
    void lanes_wipe_stack() noexcept nogil
    void* lanes_allocate(size_t size) noexcept nogil
    void lanes_gather(digit* z, const limb* x, size_t stride) noexcept nogil
    void lanes_scatter(limb* z, const digit* x, size_t stride) noexcept nogil
    void lanes_from_residues(digit* z, const limb* x, size_t stride, const mont_modulus* M) noexcept nogil
    void lanes_to_residues(limb* z, const digit* x, size_t stride, const mont_modulus* M) noexcept nogil
    void lanes_spread(digit* z, const limb* x) noexcept nogil
    void lanes_canonical(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_setup "lanes_setup"(mont_modulus* M) noexcept nogil
    void mont_add_called "lanes_add"(
        digit* z, const digit* x, const digit* y, const mont_modulus* M,
    ) noexcept nogil
    void mont_sub_called "lanes_sub"(
        digit* z, const digit* x, const digit* y, const mont_modulus* M,
    ) noexcept nogil
    void tower_add "lanes_add"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void tower_sub "lanes_sub"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void tower_mul "lanes_mul"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void tower_redc "lanes_redc"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void tower_wide_add "lanes_wide_add"(
        digit* z, const digit* x, const digit* y, const mont_modulus* M,
    ) noexcept nogil
    void tower_wide_sub "lanes_wide_sub"(
        digit* z, const digit* x, const digit* y, const mont_modulus* M,
    ) noexcept nogil
    void mont_add "lanes_add"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void mont_sub "lanes_sub"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void mont_neg "lanes_neg"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_halve "lanes_halve"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_mul "lanes_mul"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void mont_sqr "lanes_sqr"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_product "lanes_product"(digit* z, const digit* x, const digit* y) noexcept nogil
    void mont_square "lanes_square_product"(digit* z, const digit* x) noexcept nogil
    void mont_redc "lanes_redc"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_wide_add "lanes_wide_add"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void mont_wide_sub "lanes_wide_sub"(digit* z, const digit* x, const digit* y, const mont_modulus* M) noexcept nogil
    void mont_pow "lanes_pow"(digit* z, const digit* x, const limb* e, const mont_modulus* M) noexcept nogil
    void mont_pow_rows "lanes_pow_rows"(
        digit* z, const digit* x, int rows, const limb* e, const mont_modulus* M,
    ) noexcept nogil
    limb mont_is_square "lanes_is_square"(const digit* x, const mont_modulus* M) noexcept nogil
    void mont_are_squares "lanes_are_squares"(
        limb* first, limb* second, const digit* x, const digit* y, const mont_modulus* M,
    ) noexcept nogil
    void mont_inverse "lanes_inverse"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_enter "lanes_enter"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_leave "lanes_leave"(digit* z, const digit* x, const mont_modulus* M) noexcept nogil
    void mont_move "lanes_move"(digit* z, const digit* x, limb mask) noexcept nogil
    limb mont_is_zero "lanes_is_zero"(const digit* x) noexcept nogil
    limb mont_equal "lanes_equal"(const digit* x, const digit* y) noexcept nogil
    limb mont_is_square_vartime "lanes_is_square"(const digit* x, const mont_modulus* M) noexcept nogil
    limb mont_odd "lanes_odd"(const digit* x, const mont_modulus* M) noexcept nogil
    limb mont_not "lanes_not"(limb mask) noexcept nogil
    void lanes_fp2_mul(
        digit* za, digit* zb, const digit* a, const digit* b, const digit* x, const digit* y, const mont_modulus* M,
    ) noexcept nogil
    void lanes_fp2_product(
        digit* za, digit* zb, const digit* a, const digit* b, const digit* x, const digit* y,
    ) noexcept nogil
    void lanes_fp2_sqr(digit* za, digit* zb, const digit* a, const digit* b, const mont_modulus* M) noexcept nogil
    void lanes_fp2_square_product(
        digit* za, digit* zb, const digit* a, const digit* b, const mont_modulus* M,
    ) noexcept nogil


cdef void* allocate(size_t size) except NULL:
    # In place of that of handles.pxi
    cdef void* memory = lanes_allocate(size)
    if memory == NULL:
        raise MemoryError
    return memory
