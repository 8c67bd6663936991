/* What Python cannot do itself: tell memcheck which memory is secret, read the cycle counter, and leak on purpose.
 *
 * Built by probe.py. Without valgrind underneath, the requests to memcheck do nothing.
 */
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* ---- leaks, planted to show that the instruments see them ---------------------------------------------------- */

static volatile uint64_t sink;
static volatile uint64_t table[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

static int bit(const uint64_t *k, size_t i) { return (k[i / 64] >> (i % 64)) & 1; }

/* square and multiply: one branch for each bit of k */
void probe_leak_branch(const uint64_t *k, size_t words) {
    for (size_t i = 64 * words; i-- > 0;) {
        sink = sink * sink;
        if (bit(k, i)) sink = sink * 3;
    }
}

/* a table read at a secret place */
void probe_leak_index(const uint64_t *k, size_t words) {
    for (size_t i = 0; i < words; i++) sink ^= table[k[i] & 15];
}

/* stops at the first word that differs */
int probe_leak_comparison(const uint64_t *k, const uint64_t *l, size_t words) {
    for (size_t i = 0; i < words; i++)
        if (k[i] != l[i]) return 0;
    return 1;
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* Cycles, or nanoseconds where there is no such counter for programs. */
uint64_t probe_time(void) {
#if defined(__x86_64__)
    uint32_t low, high;
    __asm__ __volatile__("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
#endif
}

typedef void *(*call_t)(void *function, void *arguments);
typedef void (*drop_t)(void *result);

/* times[i] = how long call(function, arguments[i]) takes, without a step of the interpreter between two of them */
void probe_run(call_t call, drop_t drop, void *function, void **arguments, uint64_t *times, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t start = probe_time();
        void *result = call(function, arguments[i]);
        times[i] = probe_time() - start;
        if (result) drop(result);
    }
}

/* ---- memcheck -------------------------------------------------------------------------------------------------- */

#ifdef WITH_MEMCHECK
#include <valgrind/memcheck.h>

/* Start-up is none of our business: nothing is reported before the first probe_watch(1). This runs before main,
 * because the library is preloaded. */
__attribute__((constructor)) static void look_away(void) { VALGRIND_DISABLE_ERROR_REPORTING; }

void probe_watch(int on) {
    if (on)
        VALGRIND_ENABLE_ERROR_REPORTING;
    else
        VALGRIND_DISABLE_ERROR_REPORTING;
}

int probe_on_valgrind(void) { return RUNNING_ON_VALGRIND; }

/* Secret from now on: every branch and every address that depends on one of these octets is reported. */
void probe_hide(const void *memory, size_t size) { VALGRIND_MAKE_MEM_UNDEFINED(memory, size); }

/* How many of these octets depend on a secret; asking is not reported. */
size_t probe_hidden(const void *memory, size_t size) {
    const unsigned char *octets = memory;
    size_t hidden = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char secret_bits = 0;
        if (VALGRIND_GET_VBITS(octets + i, &secret_bits, 1) == 1) hidden += secret_bits != 0;
    }
    return hidden;
}

size_t probe_reports(void) { return VALGRIND_COUNT_ERRORS; }

void probe_say(const char *text) { VALGRIND_PRINTF("%s\n", text); }
#endif
