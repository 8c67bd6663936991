/* Every function of mont.h and split.h with each operand flush against a page that may not be touched.
 *
 * A sanitizer does not see what inline assembly reads; the processor does. Each operand stands once at the end of its
 * memory, so that one octet behind it is a fault, and once at the beginning, so that one octet before it is. The results
 * are compared with those of the same operands in ordinary memory. Compile with MONT_WORDS, and MONT_X86 or not;
 * PLANTED is 1 for a read behind an operand by a plain load, 2 for one in assembly: both must end the program.
 */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mont.h"
#include "split.h"

#define ROUNDS 200
#define SLOTS 6

static uint8_t *first[SLOTS]; /* a page for each operand, between two that fault */
static size_t page;
static uint64_t state = 0x9E3779B97F4A7C15;

static uint64_t drawn(void) { /* xorshift64* */
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return state * 0x2545F4914F6CDD1D;
}

static void reserve(void) {
    page = (size_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < SLOTS; i++) {
        uint8_t *three = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (three == MAP_FAILED || mprotect(three + page, page, PROT_READ | PROT_WRITE)) exit(2);
        first[i] = three + page;
    }
}

/* room for `size` octets in slot i, at the end of its page or at the beginning */
static void *place(int i, size_t size, int end) { return end ? first[i] + page - size : first[i]; }

static void *placed(int i, const void *from, size_t size, int end) { return memcpy(place(i, size, end), from, size); }

static void expect(const char *name, const void *got, const void *wanted, size_t size) {
    if (memcmp(got, wanted, size)) {
        printf("%s differs\n", name);
        exit(1);
    }
}

#define W MONT_WORDS
#define OCTETS(words) (8 * (size_t)(words))

/* Each function in one of its own, so that the compiler gives it the registers that it has in the modules. */
typedef void operation(uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M);

#define FUNCTION(name, ...)                                                                        \
    static __attribute__((noinline)) void name(                                                    \
        uint64_t *z, const uint64_t *x, const uint64_t *y, const mont_modulus *M) {                \
        (void)x, (void)y, (void)M;                                                                 \
        __VA_ARGS__;                                                                               \
    }
FUNCTION(add, mont_add(z, x, y, M))
FUNCTION(sub, mont_sub(z, x, y, M))
FUNCTION(neg, mont_neg(z, x, M))
FUNCTION(halve, mont_halve(z, x, M))
FUNCTION(mul, mont_mul(z, x, y, M))
FUNCTION(square, mont_mul(z, x, x, M))
FUNCTION(enter, mont_enter(z, x, M))
FUNCTION(leave, mont_leave(z, x, M))
FUNCTION(power, mont_pow(z, x, y, M))
FUNCTION(inverse, mont_inverse(z, x, M))
FUNCTION(wide_add, mont_wide_add(z, x, y, M))
FUNCTION(wide_sub, mont_wide_sub(z, x, y, M))
FUNCTION(wide_sub_plain, mont_wide_sub_plain(z, x, y))
FUNCTION(product, mont_product(z, x, y))
FUNCTION(product_of_one, mont_product(z, x, x))
FUNCTION(redc, mont_redc(z, x, M))
FUNCTION(move, memcpy(z, y, OCTETS(W)); mont_move(z, x, x[0] & 1))
FUNCTION(gather, memset(z, 0, OCTETS(W)); mont_gather(z, x, W, y[0] & 1))
FUNCTION(symbol, z[0] = (uint64_t)mont_jacobi(x, M))
FUNCTION(verdicts, z[0] = mont_is_zero(x) + 2 * mont_equal(x, y) + 4 * mont_below(x, y))

/* how many words z, x and y have, and whether z may be x */
static const struct {
    const char *name;
    operation *call;
    int z, x, y, in_place;
} operations[] = {
    {"add", add, W, W, W, 1},
    {"sub", sub, W, W, W, 1},
    {"neg", neg, W, W, W, 1},
    {"halve", halve, W, W, W, 1},
    {"mul", mul, W, W, W, 1},
    {"square", square, W, W, W, 1},
    {"enter", enter, W, W, W, 1},
    {"leave", leave, W, W, W, 1},
    {"pow", power, W, W, W, 1},
    {"inverse", inverse, W, W, W, 1},
    {"wide add", wide_add, 2 * W, 2 * W, 2 * W, 1},
    {"wide sub", wide_sub, 2 * W, 2 * W, 2 * W, 1},
    {"wide sub plain", wide_sub_plain, 2 * W, 2 * W, 2 * W, 1},
    {"product", product, 2 * W, W, W, 0},
    {"product of one", product_of_one, 2 * W, W, W, 0},
    {"redc", redc, W, 2 * W, W, 0},
    {"move", move, W, W, W, 0},
    {"gather", gather, W, W, W, 0},
    {"symbol", symbol, 1, W, W, 0},
    {"verdicts", verdicts, 1, W, W, 0},
};

static void try_all(const uint64_t *a, const uint64_t *b, const mont_modulus *m) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        operation *call = operations[i].call;
        size_t of_z = OCTETS(operations[i].z), of_x = OCTETS(operations[i].x), of_y = OCTETS(operations[i].y);
        uint64_t wanted[2 * W];
        call(wanted, a, b, m);
        for (int end = 0; end < 2; end++) {
            const uint64_t *y = placed(2, b, of_y, end);
            const mont_modulus *M = placed(3, m, sizeof *m, end);
            uint64_t *z = place(0, of_z, end);
            call(z, placed(1, a, of_x, end), y, M);
            expect(operations[i].name, z, wanted, of_z);
            if (!operations[i].in_place) continue;
            z = placed(0, a, of_x, end);
            call(z, z, y, M);
            expect(operations[i].name, z, wanted, of_z);
        }
    }
}

static void residue(uint64_t *x, const mont_modulus *M) {
    static const uint64_t edges[] = {0, 1, ~(uint64_t)0, (uint64_t)1 << 63};
    do {
        for (int i = 0; i < W; i++) x[i] = drawn() % 4 ? drawn() : edges[drawn() % 4];
        x[W - 1] &= M->m[W - 1] | M->m[W - 1] >> 1 | (M->m[W - 1] >> 2); /* seldom far above m */
    } while (!mont_below(x, M->m));
}

static void arithmetic(void) {
    mont_modulus m;
    uint64_t a[2 * W], b[2 * W];
    for (int i = 0; i < W; i++) m.m[i] = drawn();
    m.m[0] |= 1;
    m.m[W - 1] = (m.m[W - 1] >> drawn() % 3) | (uint64_t)1 << 61;
    mont_setup(&m);
    residue(a, &m), residue(a + W, &m), residue(b, &m), residue(b + W, &m);
    try_all(a, b, &m);
}

static void octets(void) {
    mont_modulus m;
    uint64_t wanted[W], x[W];
    uint8_t text[8 * W + 32], back[8 * W];
    for (int i = 0; i < W; i++) m.m[i] = drawn() | 1;
    m.m[W - 1] |= (uint64_t)1 << 62;
    mont_setup(&m);
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)drawn();
    for (size_t size = 0; size <= sizeof text; size++)
        for (int end = 0; end < 2; end++) {
            mont_reduce_octets(wanted, text, size, &m);
            mont_reduce_octets(place(0, OCTETS(W), end), placed(1, text, size, end), size, placed(3, &m, sizeof m, end));
            expect("reduce octets", place(0, OCTETS(W), end), wanted, OCTETS(W));
            if (size > 8 * W) continue;
            mont_from_octets(x, text, size);
            mont_from_octets(place(0, OCTETS(W), end), placed(1, text, size, end), size);
            expect("from octets", place(0, OCTETS(W), end), x, OCTETS(W));
            mont_to_octets(back, x, size);
            mont_to_octets(place(1, size, end), placed(0, x, OCTETS(W), end), size);
            expect("to octets", place(1, size, end), back, size);
            expect("octets", back, text, size);
        }
}

static void digits(void) {
    uint64_t c[W], k[W], g[W + 1], a[W], b[W];
    int8_t naf[64 * W + 1];
    for (int i = 0; i < W; i++) k[i] = drawn() >> (i == W - 1 ? 3 : 0), g[i] = drawn(), b[i] = i < W / 2 ? drawn() : 0;
    g[W] = drawn() & 1;
    split_round(c, k, g);
    memcpy(a, k, sizeof a);
    split_subtract(a, c, b);
    memset(naf, 0, sizeof naf);
    split_naf(naf, 64 * W, k, 5);
    for (int end = 0; end < 2; end++) {
        const uint64_t *K = placed(1, k, sizeof k, end);
        uint64_t *C = place(0, sizeof c, end), sign = 0, other = 0;
        split_round(C, K, placed(2, g, sizeof g, end));
        expect("split round", C, c, sizeof c);
        uint64_t *A = placed(4, k, sizeof k, end);
        split_subtract(A, C, placed(2, b, sizeof b, end));
        expect("split subtract", A, a, sizeof a);
        for (int at = 0; at < 64 * W / 5; at++) {
            uint64_t one = split_digit(K, at, 5, &sign), two = split_digit(k, at, 5, &other);
            expect("digit", &one, &two, sizeof one);
        }
        int8_t *signs = place(5, 64 * W, end);
        split_naf(signs, 64 * W, K, 5);
        expect("naf", signs, naf, 64 * W);
    }
}

#ifdef PLANTED
static void planted(void) {
    volatile uint64_t *x = place(1, OCTETS(W), 1);
#if PLANTED == 2 && defined(__x86_64__)
    uint64_t t;
    __asm__ volatile("movq %c[at](%[x]), %[t]" : [t] "=r"(t) : [x] "r"(x), [at] "i"(8 * W));
#else
    (void)x[W];
#endif
}
#endif

int main(void) {
    reserve();
#ifdef PLANTED
    planted();
#endif
    if (!mont_supported()) return 3;
    for (int i = 0; i < ROUNDS; i++) arithmetic(), digits();
    octets();
    return 0;
}
