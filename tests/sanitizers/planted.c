/* Faults, planted to show that the sanitizers see them in code that is compiled and loaded as the native modules are. */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* one octet behind what was allocated */
int planted_heap(int size) {
    uint8_t *octets = malloc((size_t)size);
    memset(octets, 1, (size_t)size);
    int behind = ((volatile uint8_t *)octets)[size];
    free(octets);
    return behind;
}

/* one word behind an array on the stack */
int planted_stack(int at) {
    volatile uint64_t words[4] = {1, 2, 3, 4};
    return (int)words[at];
}

/* a sum that no int holds */
int planted_overflow(int x) { return x + INT_MAX; }

/* a word at an address that no word has */
int planted_alignment(int at) {
    static uint64_t words[2] = {1, 2};
    return (int)*(volatile uint64_t *)((uint8_t *)words + at);
}

/* a shift by more than there is */
int planted_shift(int by) { return (int)((uint64_t)1 << by); }
