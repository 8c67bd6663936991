/* The kernels of mont.h for x86-64 with mulx (BMI2) and adcx/adox (ADX).
 *
 * mulx multiplies without touching flags; adcx and adox add with two separate carries. So a row t += x*d is one step for
 * each word, the low half of the product going down the CF chain, the high half down the OF chain one word above:
 *
 *     t1 t0 + rdx*x0:    mulx x0 -> hi:lo     adcx lo, t0     adox hi, t1          (Ozturk et al., Intel 2012/2014)
 *
 * The MONT_WORDS + 1 registers t0, t1, .. take turns: what was the lowest word of one row is the highest of the next.
 * The text is the same for 4, 6 and 8 words; only the lists below differ. A sum is kept (in registers for 4 words, in
 * memory for 6 and 8) while the modulus is subtracted from it, and one of the two is chosen by cmov.
 */
#define R(t) "%[" #t "]"
#define R32(t) "%k[" #t "]"
#define AT(k, p) #k "(%[" #p "])"

/* b a += rdx * p[k]; the first row has nothing to add to */
#define STEP(k, p, a, b) "mulxq " AT(k, p) ", %[lo], %[hi]\n\tadcxq %[lo], " R(a) "\n\tadoxq %[hi], " R(b) "\n\t"
#define FIRST_STEP(k, p, op, a, b) "mulxq " AT(k, p) ", %[lo], " R(b) "\n\t" op " %[lo], " R(a) "\n\t"

#if MONT_WORDS == 4
#define CLEAR(a, b, c, d, e) "xorl " R32(e) ", " R32(e) "\n\t"
#define ROW(p, a, b, c, d, e) STEP(0, p, a, b) STEP(8, p, b, c) STEP(16, p, c, d) STEP(24, p, d, e) CARRY(e)
#define FIRST(p, a, b, c, d, e)                                                                  \
    "mulxq " AT(0, p) ", " R(a) ", " R(b) "\n\t" FIRST_STEP(8, p, "addq", b, c)                  \
    FIRST_STEP(16, p, "adcq", c, d) FIRST_STEP(24, p, "adcq", d, e) "adcq $0, " R(e) "\n\t"
#define ROW_0(X) X(0, t0, t1, t2, t3, t4)
#define ROWS(X) X(8, t1, t2, t3, t4, t0) X(16, t2, t3, t4, t0, t1) X(24, t3, t4, t0, t1, t2)
#define WORDS(X, ...) X(0, t0, k0, __VA_ARGS__) X(8, t1, k1, __VA_ARGS__) X(16, t2, k2, __VA_ARGS__) X(24, t3, k3, __VA_ARGS__)
#define REST(X, ...) X(8, t1, k1, __VA_ARGS__) X(16, t2, k2, __VA_ARGS__) X(24, t3, k3, __VA_ARGS__)
#define END(X, ...) X(0, t4, k0, __VA_ARGS__) X(8, t0, k1, __VA_ARGS__) X(16, t1, k2, __VA_ARGS__) X(24, t2, k3, __VA_ARGS__)
#define END_REST(X, ...) X(8, t0, k1, __VA_ARGS__) X(16, t1, k2, __VA_ARGS__) X(24, t2, k3, __VA_ARGS__)
#define UPPER(X) X(32, t4) X(40, t0) X(48, t1) X(56, t2)
#define SAVE(z) (z)[0] = t4, (z)[1] = t0, (z)[2] = t1, (z)[3] = t2
#define SAVE_STRAIGHT(z) (z)[0] = t0, (z)[1] = t1, (z)[2] = t2, (z)[3] = t3
#define T_DECLARE uint64_t t0, t1, t2, t3, t4
#define S_DECLARE uint64_t t0, t1, t2, t3
#define T_OUT [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4)
#define S_OUT [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3)
#define K_DECLARE uint64_t k0, k1, k2, k3
#define K_OUT [k0] "=&r"(k0), [k1] "=&r"(k1), [k2] "=&r"(k2), [k3] "=&r"(k3)
#define SQUARE_ROWS                                                                              \
    SQUARE_0(8, t1, t2) SQUARE_TOP(16, t2, t3) SQUARE_TOP(24, t3, t0) SQUARE_END(8, t1, 16, t2, t0)   \
    SQUARE_ROW(8, t1) STEP(16, x, t3, t0) STEP(24, x, t0, t1) SQUARE_STORE(24, t3, 32, t0, t1)      \
    SQUARE_ROW(16, t2) STEP(24, x, t1, t2) SQUARE_STORE(40, t1, 48, t2, t2)
#define SQUARE_DOUBLE SQUARE_PAIR(8, 16, 24) SQUARE_PAIR(16, 32, 40) SQUARE_LAST(24, 48, 56)
#define KERNEL MONT_INLINE
#elif MONT_WORDS == 6
#define CLEAR(a, b, c, d, e, f, g) "xorl " R32(g) ", " R32(g) "\n\t"
#define ROW(p, a, b, c, d, e, f, g)                                                              \
    STEP(0, p, a, b) STEP(8, p, b, c) STEP(16, p, c, d) STEP(24, p, d, e) STEP(32, p, e, f) STEP(40, p, f, g) CARRY(g)
#define FIRST(p, a, b, c, d, e, f, g)                                                            \
    "mulxq " AT(0, p) ", " R(a) ", " R(b) "\n\t" FIRST_STEP(8, p, "addq", b, c)                  \
    FIRST_STEP(16, p, "adcq", c, d) FIRST_STEP(24, p, "adcq", d, e) FIRST_STEP(32, p, "adcq", e, f) \
    FIRST_STEP(40, p, "adcq", f, g) "adcq $0, " R(g) "\n\t"
#define ROW_0(X) X(0, t0, t1, t2, t3, t4, t5, t6)
#define ROWS(X)                                                                                  \
    X(8, t1, t2, t3, t4, t5, t6, t0) X(16, t2, t3, t4, t5, t6, t0, t1) X(24, t3, t4, t5, t6, t0, t1, t2) \
    X(32, t4, t5, t6, t0, t1, t2, t3) X(40, t5, t6, t0, t1, t2, t3, t4)
#define REST(X, ...)                                                                             \
    X(8, t1, k1, __VA_ARGS__) X(16, t2, k2, __VA_ARGS__) X(24, t3, k3, __VA_ARGS__)              \
    X(32, t4, k4, __VA_ARGS__) X(40, t5, k5, __VA_ARGS__)
#define WORDS(X, ...) X(0, t0, k0, __VA_ARGS__) REST(X, __VA_ARGS__)
#define END_REST(X, ...)                                                                         \
    X(8, t0, k1, __VA_ARGS__) X(16, t1, k2, __VA_ARGS__) X(24, t2, k3, __VA_ARGS__)              \
    X(32, t3, k4, __VA_ARGS__) X(40, t4, k5, __VA_ARGS__)
#define END(X, ...) X(0, t6, k0, __VA_ARGS__) END_REST(X, __VA_ARGS__)
#define UPPER(X) X(48, t6) X(56, t0) X(64, t1) X(72, t2) X(80, t3) X(88, t4)
#define SAVE(z) (z)[0] = t6, (z)[1] = t0, (z)[2] = t1, (z)[3] = t2, (z)[4] = t3, (z)[5] = t4
#define SAVE_STRAIGHT(z) (z)[0] = t0, (z)[1] = t1, (z)[2] = t2, (z)[3] = t3, (z)[4] = t4, (z)[5] = t5
#define T_DECLARE uint64_t t0, t1, t2, t3, t4, t5, t6
#define S_DECLARE uint64_t t0, t1, t2, t3, t4, t5
#define S_OUT [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5)
#define T_OUT S_OUT, [t6] "=&r"(t6)
#define K_DECLARE uint64_t k0, k1, k2, k3, k4, k5
#define K_OUT [k0] "=m"(k0), [k1] "=m"(k1), [k2] "=m"(k2), [k3] "=m"(k3), [k4] "=m"(k4), [k5] "=m"(k5)
#define SQUARE_ROWS                                                                              \
    SQUARE_0(8, t1, t2) SQUARE_TOP(16, t2, t3) SQUARE_TOP(24, t3, t4) SQUARE_TOP(32, t4, t5)        \
    SQUARE_TOP(40, t5, t0) SQUARE_END(8, t1, 16, t2, t0)                                            \
    SQUARE_ROW(8, t1) STEP(16, x, t3, t4) STEP(24, x, t4, t5) STEP(32, x, t5, t0) STEP(40, x, t0, t1) \
    SQUARE_STORE(24, t3, 32, t4, t1)                                                                \
    SQUARE_ROW(16, t2) STEP(24, x, t5, t0) STEP(32, x, t0, t1) STEP(40, x, t1, t2) SQUARE_STORE(40, t5, 48, t0, t2) \
    SQUARE_ROW(24, t3) STEP(32, x, t1, t2) STEP(40, x, t2, t3) SQUARE_STORE(56, t1, 64, t2, t3)     \
    SQUARE_ROW(32, t4) STEP(40, x, t3, t4) SQUARE_STORE(72, t3, 80, t4, t4)
#define SQUARE_DOUBLE                                                                            \
    SQUARE_PAIR(8, 16, 24) SQUARE_PAIR(16, 32, 40) SQUARE_PAIR(24, 48, 56) SQUARE_PAIR(32, 64, 72) SQUARE_LAST(40, 80, 88)
#define KERNEL MONT_INLINE
#elif MONT_WORDS == 8
#define CLEAR(a, b, c, d, e, f, g, h, i) "xorl " R32(i) ", " R32(i) "\n\t"
#define ROW(p, a, b, c, d, e, f, g, h, i)                                                        \
    STEP(0, p, a, b) STEP(8, p, b, c) STEP(16, p, c, d) STEP(24, p, d, e) STEP(32, p, e, f)      \
    STEP(40, p, f, g) STEP(48, p, g, h) STEP(56, p, h, i) CARRY(i)
#define FIRST(p, a, b, c, d, e, f, g, h, i)                                                      \
    "mulxq " AT(0, p) ", " R(a) ", " R(b) "\n\t" FIRST_STEP(8, p, "addq", b, c)                  \
    FIRST_STEP(16, p, "adcq", c, d) FIRST_STEP(24, p, "adcq", d, e) FIRST_STEP(32, p, "adcq", e, f) \
    FIRST_STEP(40, p, "adcq", f, g) FIRST_STEP(48, p, "adcq", g, h) FIRST_STEP(56, p, "adcq", h, i) \
    "adcq $0, " R(i) "\n\t"
#define ROW_0(X) X(0, t0, t1, t2, t3, t4, t5, t6, t7, t8)
#define ROWS(X)                                                                                  \
    X(8, t1, t2, t3, t4, t5, t6, t7, t8, t0) X(16, t2, t3, t4, t5, t6, t7, t8, t0, t1)           \
    X(24, t3, t4, t5, t6, t7, t8, t0, t1, t2) X(32, t4, t5, t6, t7, t8, t0, t1, t2, t3)          \
    X(40, t5, t6, t7, t8, t0, t1, t2, t3, t4) X(48, t6, t7, t8, t0, t1, t2, t3, t4, t5)          \
    X(56, t7, t8, t0, t1, t2, t3, t4, t5, t6)
#define REST(X, ...)                                                                             \
    X(8, t1, k1, __VA_ARGS__) X(16, t2, k2, __VA_ARGS__) X(24, t3, k3, __VA_ARGS__) X(32, t4, k4, __VA_ARGS__) \
    X(40, t5, k5, __VA_ARGS__) X(48, t6, k6, __VA_ARGS__) X(56, t7, k7, __VA_ARGS__)
#define WORDS(X, ...) X(0, t0, k0, __VA_ARGS__) REST(X, __VA_ARGS__)
#define END_REST(X, ...)                                                                         \
    X(8, t0, k1, __VA_ARGS__) X(16, t1, k2, __VA_ARGS__) X(24, t2, k3, __VA_ARGS__) X(32, t3, k4, __VA_ARGS__) \
    X(40, t4, k5, __VA_ARGS__) X(48, t5, k6, __VA_ARGS__) X(56, t6, k7, __VA_ARGS__)
#define END(X, ...) X(0, t8, k0, __VA_ARGS__) END_REST(X, __VA_ARGS__)
#define UPPER(X) X(64, t8) X(72, t0) X(80, t1) X(88, t2) X(96, t3) X(104, t4) X(112, t5) X(120, t6)
#define SAVE(z)                                                                                  \
    (z)[0] = t8, (z)[1] = t0, (z)[2] = t1, (z)[3] = t2, (z)[4] = t3, (z)[5] = t4, (z)[6] = t5, (z)[7] = t6
#define SAVE_STRAIGHT(z)                                                                         \
    (z)[0] = t0, (z)[1] = t1, (z)[2] = t2, (z)[3] = t3, (z)[4] = t4, (z)[5] = t5, (z)[6] = t6, (z)[7] = t7
#define T_DECLARE uint64_t t0, t1, t2, t3, t4, t5, t6, t7, t8
#define S_DECLARE uint64_t t0, t1, t2, t3, t4, t5, t6, t7
#define S_OUT                                                                                    \
    [t0] "=&r"(t0), [t1] "=&r"(t1), [t2] "=&r"(t2), [t3] "=&r"(t3), [t4] "=&r"(t4), [t5] "=&r"(t5),  \
    [t6] "=&r"(t6), [t7] "=&r"(t7)
#define T_OUT S_OUT, [t8] "=&r"(t8)
#define K_DECLARE uint64_t k0, k1, k2, k3, k4, k5, k6, k7
#define K_OUT                                                                                    \
    [k0] "=m"(k0), [k1] "=m"(k1), [k2] "=m"(k2), [k3] "=m"(k3), [k4] "=m"(k4), [k5] "=m"(k5),    \
    [k6] "=m"(k6), [k7] "=m"(k7)
#define SQUARE_ROWS                                                                              \
    SQUARE_0(8, t1, t2) SQUARE_TOP(16, t2, t3) SQUARE_TOP(24, t3, t4) SQUARE_TOP(32, t4, t5) SQUARE_TOP(40, t5, t6) \
    SQUARE_TOP(48, t6, t7) SQUARE_TOP(56, t7, t0) SQUARE_END(8, t1, 16, t2, t0)                     \
    SQUARE_ROW(8, t1) STEP(16, x, t3, t4) STEP(24, x, t4, t5) STEP(32, x, t5, t6) STEP(40, x, t6, t7) \
    STEP(48, x, t7, t0) STEP(56, x, t0, t1) SQUARE_STORE(24, t3, 32, t4, t1)                        \
    SQUARE_ROW(16, t2) STEP(24, x, t5, t6) STEP(32, x, t6, t7) STEP(40, x, t7, t0) STEP(48, x, t0, t1) \
    STEP(56, x, t1, t2) SQUARE_STORE(40, t5, 48, t6, t2)                                            \
    SQUARE_ROW(24, t3) STEP(32, x, t7, t0) STEP(40, x, t0, t1) STEP(48, x, t1, t2) STEP(56, x, t2, t3) \
    SQUARE_STORE(56, t7, 64, t0, t3)                                                                \
    SQUARE_ROW(32, t4) STEP(40, x, t1, t2) STEP(48, x, t2, t3) STEP(56, x, t3, t4) SQUARE_STORE(72, t1, 80, t2, t4) \
    SQUARE_ROW(40, t5) STEP(48, x, t3, t4) STEP(56, x, t4, t5) SQUARE_STORE(88, t3, 96, t4, t5)     \
    SQUARE_ROW(48, t6) STEP(56, x, t5, t6) SQUARE_STORE(104, t5, 112, t6, t6)
#define SQUARE_DOUBLE                                                                            \
    SQUARE_PAIR(8, 16, 24) SQUARE_PAIR(16, 32, 40) SQUARE_PAIR(24, 48, 56) SQUARE_PAIR(32, 64, 72) \
    SQUARE_PAIR(40, 80, 88) SQUARE_PAIR(48, 96, 104) SQUARE_LAST(56, 112, 120)
#define KERNEL MONT_CALL
#endif

/* the carry out of a row's low halves; the flags of the high halves end at 0 */
#define CARRY(t) "movl $0, %k[lo]\n\tadcxq %[lo], " R(t) "\n\t"

/* a whole operand as memory that the assembly reads */
#define READS(p, words) "m"(*(const uint64_t(*)[words])(p))

/* one word of a sum, for WORDS, REST and END: its place, its register, where it is kept, then what is given */
#define LOAD_WORD(k, t, kept, p) "movq " AT(k, p) ", " R(t) "\n\t"
#define APPLY_WORD(k, t, kept, op, p) op " " AT(k, p) ", " R(t) "\n\t"
#define KEEP_WORD(k, t, kept, _) "movq " R(t) ", " R(kept) "\n\t"
#define CHOOSE_WORD(k, t, kept, cmov) cmov " " R(kept) ", " R(t) "\n\t"
/* ---- sums ----------------------------------------------------------------------------------------------- */

/* a carry or borrow bit as the carry flag */
#define FLAG_FROM(bit) "negq %[" #bit "]\n\t"

#define SUM_IN(x, y) [x] "r"(x), [y] "r"(y), READS(x, MONT_WORDS), READS(y, MONT_WORDS)
#define MODULUS_IN(M) [m] "r"((M)->m), READS((M)->m, MONT_WORDS)

/* z = x + y + carry; the carry out */
MONT_INLINE uint64_t mont_carry_add(uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t carry) {
    S_DECLARE;
    __asm__(WORDS(LOAD_WORD, x) FLAG_FROM(carry) WORDS(APPLY_WORD, "adcq", y) "movl $0, %k[carry]\n\tadcq $0, %[carry]"
            : S_OUT, [carry] "+&r"(carry)
            : SUM_IN(x, y)
            : "cc");
    SAVE_STRAIGHT(z);
    return carry;
}

/* z = x - y - borrow; the borrow out */
MONT_INLINE uint64_t mont_borrow_sub(uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t borrow) {
    S_DECLARE;
    __asm__(WORDS(LOAD_WORD, x) FLAG_FROM(borrow) WORDS(APPLY_WORD, "sbbq", y) "movl $0, %k[borrow]\n\tadcq $0, %[borrow]"
            : S_OUT, [borrow] "+&r"(borrow)
            : SUM_IN(x, y)
            : "cc");
    SAVE_STRAIGHT(z);
    return borrow;
}

/* z = x + y + carry mod m, for a sum below 2m */
MONT_INLINE void mont_carry_add_mod(
    uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t carry, const mont_modulus *M) {
    S_DECLARE;
    K_DECLARE;
    __asm__(WORDS(LOAD_WORD, x) FLAG_FROM(carry) WORDS(APPLY_WORD, "adcq", y)
            "movl $0, %k[carry]\n\tadcq $0, %[carry]\n\t"
            WORDS(KEEP_WORD, )
            WORDS(APPLY_WORD, "sbbq", m)
            "sbbq $0, %[carry]\n\t"
            WORDS(CHOOSE_WORD, "cmovcq")
            : S_OUT, K_OUT, [carry] "+&r"(carry)
            : SUM_IN(x, y), MODULUS_IN(M)
            : "cc");
    SAVE_STRAIGHT(z);
}

/* z = x - y - borrow mod m, for a difference not below -m */
MONT_INLINE void mont_borrow_sub_mod(
    uint64_t *z, const uint64_t *x, const uint64_t *y, uint64_t borrow, const mont_modulus *M) {
    S_DECLARE;
    K_DECLARE;
    __asm__(WORDS(LOAD_WORD, x) FLAG_FROM(borrow) WORDS(APPLY_WORD, "sbbq", y)
            "sbbq %[borrow], %[borrow]\n\t"
            WORDS(KEEP_WORD, )
            "addq " AT(0, m) ", " R(t0) "\n\t" REST(APPLY_WORD, "adcq", m)
            "testq %[borrow], %[borrow]\n\t"
            WORDS(CHOOSE_WORD, "cmovzq")
            : S_OUT, K_OUT, [borrow] "+&r"(borrow)
            : SUM_IN(x, y), MODULUS_IN(M)
            : "cc");
    SAVE_STRAIGHT(z);
}

/* ---- products ------------------------------------------------------------------------------------------- */

#define PRODUCT_FIRST(k, a, ...) "movq %[y], %%rdx\n\tmovq (%%rdx), %%rdx\n\t" FIRST(x, a, __VA_ARGS__) "movq " R(a) ", (%[z])\n\t"
#define PRODUCT_ROW(k, a, ...)                                                                   \
    "movq %[y], %%rdx\n\tmovq " #k "(%%rdx), %%rdx\n\t" CLEAR(a, __VA_ARGS__) ROW(x, a, __VA_ARGS__) \
    "movq " R(a) ", " AT(k, z) "\n\t"
#define STORE_UPPER(k, t) "movq " R(t) ", " AT(k, z) "\n\t"
#define ADD_UPPER(k, t) "adcq " AT(k, x) ", " R(t) "\n\t"

/* z = x*y in 2 MONT_WORDS words, not over x or y */
KERNEL void mont_product(uint64_t *z, const uint64_t *x, const uint64_t *y) {
    T_DECLARE;
    uint64_t lo, hi;
    __asm__(ROW_0(PRODUCT_FIRST) ROWS(PRODUCT_ROW) UPPER(STORE_UPPER)
            : T_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi), "=m"(*(uint64_t(*)[2 * MONT_WORDS])z)
            : [x] "r"(x), [y] "rm"(y), [z] "r"(z), READS(x, MONT_WORDS), READS(y, MONT_WORDS)
            : "cc", "rdx");
}

/* ---- squares -------------------------------------------------------------------------------------------- */

/* The products x[i] x[j], i < j, by rows, word k in register k mod MONT_WORDS until it is whole; the first row has nothing
 * to add to, and each of the others one word more than the row above. Then all are doubled in the CF chain, while the
 * squares x[i]^2 are added in the OF chain. */
#define SQUARE_0(k, a, b) "movq " AT(0, x) ", %%rdx\n\tmulxq " AT(k, x) ", " R(a) ", " R(b) "\n\txorl %k[lo], %k[lo]\n\t"
#define SQUARE_TOP(k, a, b) "mulxq " AT(k, x) ", %[lo], " R(b) "\n\tadcxq %[lo], " R(a) "\n\t"
#define SQUARE_ROW(k, top) "movq " AT(k, x) ", %%rdx\n\txorl " R32(top) ", " R32(top) "\n\t"
#define SQUARE_STORE(j, a, k, b, top)                                                            \
    CARRY(top) "movq " R(a) ", " AT(j, z) "\n\tmovq " R(b) ", " AT(k, z) "\n\t"
#define SQUARE_END(j, a, k, b, top) SQUARE_STORE(j, a, k, b, top)
#define SQUARE_WORD(k, half, t)                                                                  \
    "movq " AT(k, z) ", " R(t) "\n\tadcxq " R(t) ", " R(t) "\n\tadoxq %[" #half "], " R(t) "\n\tmovq " R(t) ", " AT(k, z) "\n\t"
#define SQUARE_PAIR(i, j, k)                                                                     \
    "movq " AT(i, x) ", %%rdx\n\tmulxq %%rdx, %[lo], %[hi]\n\t" SQUARE_WORD(j, lo, t0) SQUARE_WORD(k, hi, t1)
#define SQUARE_LAST(i, j, k)                                                                     \
    "movq " AT(i, x) ", %%rdx\n\tmulxq %%rdx, %[lo], %[hi]\n\t" SQUARE_WORD(j, lo, t0)           \
    "movl $0, %k[t1]\n\tadcxq %[t1], %[t1]\n\tadoxq %[hi], %[t1]\n\tmovq %[t1], " AT(k, z) "\n\t"

/* z = x^2 in 2 MONT_WORDS words, not over x */
KERNEL void mont_square(uint64_t *z, const uint64_t *x) {
    S_DECLARE;
    uint64_t lo, hi;
    __asm__(SQUARE_ROWS
            "movq (%[x]), %%rdx\n\tmulxq %%rdx, %[lo], %[hi]\n\tmovq %[lo], (%[z])\n\txorl %k[lo], %k[lo]\n\t"
            SQUARE_WORD(8, hi, t0) SQUARE_DOUBLE
            : S_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi), "=m"(*(uint64_t(*)[2 * MONT_WORDS])z)
            : [x] "r"(x), [z] "r"(z), READS(x, MONT_WORDS)
            : "cc", "rdx");
}

/* t = (t + q*m)/2^64 with the q that makes it whole; from t < R comes t < R */
#define REDUCE_ROW(k, a, ...)                                                                    \
    "movq " R(a) ", %%rdx\n\timulq %[inv], %%rdx\n\t" CLEAR(a, __VA_ARGS__) ROW(m, a, __VA_ARGS__)

/* z = x/R mod m for x < m*R of 2 MONT_WORDS words. The lower half of x becomes some t <= m; then z = t + upper half. */
KERNEL void mont_redc(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    T_DECLARE;
    K_DECLARE;
    uint64_t lo, hi;
    __asm__(WORDS(LOAD_WORD, x)
            ROW_0(REDUCE_ROW) ROWS(REDUCE_ROW)
            "addq $0, %[lo]\n\t" UPPER(ADD_UPPER)
            "adcq $0, %[lo]\n\t"
            END(KEEP_WORD, )
            END(APPLY_WORD, "sbbq", m)
            "sbbq $0, %[lo]\n\t"
            END(CHOOSE_WORD, "cmovcq")
            : T_OUT, K_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi)
            : [x] "r"(x), [m] "r"(M->m), [inv] "m"(M->inv), READS(x, 2 * MONT_WORDS), READS(M->m, MONT_WORDS)
            : "cc", "rdx");
    SAVE(z);
}

/* z = x/R mod m below 2m, without the last subtraction, for x < m*R where 2m < R */
KERNEL void mont_redc_loose(uint64_t *z, const uint64_t *x, const mont_modulus *M) {
    T_DECLARE;
    uint64_t lo, hi;
    __asm__(WORDS(LOAD_WORD, x)
            ROW_0(REDUCE_ROW) ROWS(REDUCE_ROW)
            "addq $0, %[lo]\n\t" UPPER(ADD_UPPER)
            : T_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi)
            : [x] "r"(x), [m] "r"(M->m), [inv] "m"(M->inv), READS(x, 2 * MONT_WORDS), READS(M->m, MONT_WORDS)
            : "cc", "rdx");
    SAVE(z);
}

#define MUL_FIRST(k, ...)                                                                        \
    "movq %[y], %%rdx\n\tmovq (%%rdx), %%rdx\n\t" FIRST(x, __VA_ARGS__) REDUCE_SPARE(__VA_ARGS__)
#define MUL_ROW(k, ...)                                                                          \
    "movq %[y], %%rdx\n\tmovq " #k "(%%rdx), %%rdx\n\t" CLEAR(__VA_ARGS__) ROW(x, __VA_ARGS__)   \
    REDUCE_SPARE(__VA_ARGS__)
/* as REDUCE_ROW, on one word more, whose top word is there already: xor only clears the flags */
#define REDUCE_SPARE(a, ...)                                                                     \
    "movq " R(a) ", %%rdx\n\timulq %[inv], %%rdx\n\txorl %k[lo], %k[lo]\n\t" ROW(m, a, __VA_ARGS__)

/* z = x*y/R mod m where 2m < R, x < m and y < 2m: rows of the product and of the reduction in turn, t < 2m after each */
MONT_INLINE void mont_mul_rows(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    T_DECLARE;
    K_DECLARE;
    uint64_t lo, hi;
    __asm__(ROW_0(MUL_FIRST) ROWS(MUL_ROW)
            END(KEEP_WORD, )
            "addq $0, %[lo]\n\t"
            END(APPLY_WORD, "sbbq", m)
            END(CHOOSE_WORD, "cmovcq")
            : T_OUT, K_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi)
            : [x] "r"(x), [y] "rm"(y), [m] "r"(M->m), [inv] "m"(M->inv),
              READS(x, MONT_WORDS), READS(y, MONT_WORDS), READS(M->m, MONT_WORDS)
            : "cc", "rdx");
    SAVE(z);
}

/* z = x*y/R mod m below 2m, without the last subtraction, where 4m < R and x, y < 2m: t < x + m < 3m after each row */
MONT_INLINE void mont_mul_loose(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {
    T_DECLARE;
    uint64_t lo, hi;
    __asm__(ROW_0(MUL_FIRST) ROWS(MUL_ROW)
            : T_OUT, [lo] "=&r"(lo), [hi] "=&r"(hi)
            : [x] "r"(x), [y] "rm"(y), [m] "r"(M->m), [inv] "m"(M->inv),
              READS(x, MONT_WORDS), READS(y, MONT_WORDS), READS(M->m, MONT_WORDS)
            : "cc", "rdx");
    SAVE(z);
}
