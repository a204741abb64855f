/* Adds up the leaves of fitted trees, in the order of the trees: as the estimator does, and so bit for bit.

Numbers are compared, and added one by one; nothing is multiplied, and no sum is put in another order. It keeps nothing,
calls nothing, and writes to `out` and `scratch` alone. pipeline/worker/compiled/packing.py lays the trees out. */
#include <stddef.h>
#include <stdint.h>

/* Where the processor has wider registers, more rows at once: their numbers are compared, so the bits are the same. */
#if defined(__x86_64__) && defined(__linux__) && !defined(NARROW)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

enum { BLOCK = 64, MANY = 16, AT_ONCE = 16, MISSING = 256 };
/* Where a value that is missing goes; CATEGORY: the test is whether a bit of a set is on. */
enum { RIGHT, LEFT, CATEGORY };
/* A tree of tests; one of nodes; and one of nodes of which some ask a set. */
enum { TESTS, NODES, SETS };

typedef struct { uint32_t first, last, leaf, output, kind, unused; } tree;
typedef struct { double threshold; uint64_t keep; uint32_t column, kind; } test;
/* The right child stands behind the left one. A leaf leads to itself: its threshold is NaN, with its number in the low bits. */
typedef struct { union { double threshold; uint64_t leaf; }; uint32_t column : 30, kind : 2, left; } node;
typedef struct { uint32_t words[MISSING / 32 + 1]; } set;
typedef struct { uint32_t feature, category; } column;
typedef struct {
    const tree *trees; const test *tests; const node *nodes; const set *sets; const column *columns;
    const double *values; uint64_t tree_count, column_count, width;
} model;
typedef struct { const char *data; ptrdiff_t row, column; uint64_t rows, wide; } matrix;
typedef struct { void *data; ptrdiff_t row, column; } sums;
/* So many rows, each in one piece, and again column after column, with the codes of categories; is any value missing? */
typedef struct { double *rows, *columns; uint32_t *codes; int missing; } block;

static uint32_t code_of(double number) { return number >= 0 ? (uint8_t)(int32_t)number : MISSING; }
static uint64_t goes_left(const set *set, uint32_t code) { return set->words[code >> 5] >> (code & 31) & 1; }

static void lay_out(const model *m, const matrix *x, uint64_t first, uint64_t rows, block *to) {
    int missing = 0;
    for (uint64_t r = 0; r < BLOCK; r++) {
        const char *row = x->data + (ptrdiff_t)(first + (r < rows ? r : 0)) * x->row;
        for (uint64_t c = 0; c < m->column_count; c++) {
            const char *cell = row + (ptrdiff_t)m->columns[c].feature * x->column;
            double number = x->wide ? *(const double *)cell : (double)*(const float *)cell;
            missing |= number != number;
            to->rows[r * m->column_count + c] = to->columns[c * BLOCK + r] = number;
            if (m->columns[c].category) to->codes[c * BLOCK + r] = code_of(number);
        }
    }
    to->missing = missing;
}

/* A small tree: every test of it for every row. A row that goes right leaves the leaves of the left side out; its own
is the first that stays (QuickScorer: Lucchese and others, SIGIR 2015). */
WIDE static void mask(const model *m, const tree *t, const block *from, uint32_t *leaves) {
    uint64_t left[BLOCK];
    for (int r = 0; r < BLOCK; r++) left[r] = ~(uint64_t)0;
    for (const test *q = m->tests + t->first; q < m->tests + t->last; q++) {
        const double *numbers = from->columns + (uint64_t)q->column * BLOCK;
        const uint32_t *codes = from->codes + (uint64_t)q->column * BLOCK;
        double threshold = q->threshold;
        uint64_t keep = q->keep;
        if (q->kind == RIGHT)
            for (int r = 0; r < BLOCK; r++) left[r] &= numbers[r] <= threshold ? ~(uint64_t)0 : keep;
        else if (q->kind == LEFT)
            for (int r = 0; r < BLOCK; r++) left[r] &= numbers[r] > threshold ? keep : ~(uint64_t)0;
        else
            for (int r = 0; r < BLOCK; r++) left[r] &= keep | -goes_left(m->sets + (q->kind - CATEGORY), codes[r]);
    }
    for (int r = 0; r < BLOCK; r++) leaves[r] = (uint32_t)__builtin_ctzll(left[r]);
}

/* A large tree: some rows at once, each a step further until none moves. Where a row goes is counted, and not jumped
to, so that the processor neither guesses nor waits for one row alone. `plain`: nothing is missing, and no set asked. */
static inline __attribute__((always_inline)) void
walk(const model *m, const tree *t, const block *from, uint32_t *leaves, int plain) {
    const node *nodes = m->nodes + t->first;
    for (uint64_t r = 0; r < BLOCK; r += AT_ONCE) {
        const double *rows[AT_ONCE];
        uint32_t at[AT_ONCE] = {0}, moved = 1;
        for (int k = 0; k < AT_ONCE; k++) rows[k] = from->rows + (r + (uint64_t)k) * m->column_count;
        while (moved) {
            moved = 0;
            for (int k = 0; k < AT_ONCE; k++) {
                const node *n = nodes + at[k];
                double number = rows[k][n->column];
                uint32_t left = number <= n->threshold;
                if (!plain)
                    left = n->kind == CATEGORY ? (uint32_t)goes_left(m->sets + (uint32_t)n->threshold, code_of(number))
                                               : left | ((number != number) & n->kind);
                uint32_t next = n->left + (left ^ 1);
                moved |= next ^ at[k];
                at[k] = next;
            }
        }
        for (int k = 0; k < AT_ONCE; k++) leaves[r + (uint64_t)k] = (uint32_t)nodes[at[k]].leaf;
    }
}

/* `scratch` holds so many blocks. A tree is read once for all of them. `single`: each sum is rounded to float32, which
gives what adding two of float32 gives, for float64 has more than twice its bits (Figueroa, SIGNUM Newsletter 1995). */
static inline __attribute__((always_inline)) void
add_leaves(const model *m, const matrix *x, const sums *out, double *scratch, int single) {
    uint64_t cells = m->column_count * BLOCK;
    block blocks[MANY];
    uint32_t leaves[BLOCK];
    for (int b = 0; b < MANY; b++) {
        blocks[b].rows = scratch + (uint64_t)b * cells;
        blocks[b].columns = scratch + (uint64_t)(MANY + b) * cells;
        blocks[b].codes = (uint32_t *)(scratch + 2 * MANY * cells) + (uint64_t)b * cells;
    }
    for (uint64_t first = 0; first < x->rows; first += MANY * BLOCK) {
        uint64_t rows = x->rows - first < MANY * BLOCK ? x->rows - first : MANY * BLOCK;
        for (uint64_t r = 0; r < rows; r += BLOCK) lay_out(m, x, first + r, rows - r, blocks + r / BLOCK);
        for (const tree *t = m->trees; t < m->trees + m->tree_count; t++)
            for (uint64_t b = 0; b < rows; b += BLOCK) {
                uint64_t here = rows - b < BLOCK ? rows - b : BLOCK;
                if (t->kind == TESTS) mask(m, t, blocks + b / BLOCK, leaves);
                else if (t->kind == NODES && !blocks[b / BLOCK].missing) walk(m, t, blocks + b / BLOCK, leaves, 1);
                else walk(m, t, blocks + b / BLOCK, leaves, 0);
                for (uint64_t r = 0; r < here; r++) {
                    const double *value = m->values + (t->leaf + (uint64_t)leaves[r]) * m->width;
                    ptrdiff_t to = (ptrdiff_t)(first + b + r) * out->row + (ptrdiff_t)t->output * out->column;
                    for (uint64_t k = 0; k < m->width; k++, to += out->column)
                        if (single) ((float *)out->data)[to] = (float)(((float *)out->data)[to] + value[k]);
                        else ((double *)out->data)[to] += value[k];
                }
            }
    }
}

/* The names' number is that of the arrays' layout: whoever lays them out otherwise does not find these functions. */
void add_leaves_2(const model *m, const matrix *x, const sums *out, double *scratch) {
    add_leaves(m, x, out, scratch, 0);
}
void add_leaves_float_2(const model *m, const matrix *x, const sums *out, double *scratch) {
    add_leaves(m, x, out, scratch, 1);
}
