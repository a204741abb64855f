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

enum { BLOCK = 64, MANY = 16, MISSING = 256 };
/* Where a value that is missing goes; CATEGORY: the test is whether a bit of a set is on; a leaf of a tree that is walked. */
enum { RIGHT, LEFT, CATEGORY, LEAF };

typedef struct { uint32_t first, last, leaf, output, walked, unused; } tree;
typedef struct { double threshold; uint64_t keep; uint32_t column, kind; } test;
typedef struct { double threshold; uint32_t column : 30, kind : 2, right; } node;
typedef struct { uint32_t words[MISSING / 32 + 1]; } set;
typedef struct { uint32_t feature, category; } column;
typedef struct {
    const tree *trees; const test *tests; const node *nodes; const set *sets; const column *columns;
    const double *values; uint64_t tree_count, column_count, width;
} model;
typedef struct { const char *data; ptrdiff_t row, column; uint64_t rows, wide; } matrix;
typedef struct { double *data; ptrdiff_t row, column; } sums;
/* So many rows, each in one piece, and again column after column, with the codes of categories. */
typedef struct { double *rows, *columns; uint32_t *codes; } block;

static uint32_t code_of(double number) { return number >= 0 ? (uint8_t)(int32_t)number : MISSING; }
static uint64_t goes_left(const set *set, uint32_t code) { return set->words[code >> 5] >> (code & 31) & 1; }

static void lay_out(const model *m, const matrix *x, uint64_t first, uint64_t rows, const block *to) {
    for (uint64_t r = 0; r < BLOCK; r++) {
        const char *row = x->data + (ptrdiff_t)(first + (r < rows ? r : 0)) * x->row;
        for (uint64_t c = 0; c < m->column_count; c++) {
            const char *cell = row + (ptrdiff_t)m->columns[c].feature * x->column;
            double number = x->wide ? *(const double *)cell : (double)*(const float *)cell;
            to->rows[r * m->column_count + c] = to->columns[c * BLOCK + r] = number;
            if (m->columns[c].category) to->codes[c * BLOCK + r] = code_of(number);
        }
    }
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

/* A large tree: each row from node to node. A left child stands behind its parent. */
static void walk(const model *m, const tree *t, const block *from, uint32_t *leaves) {
    const node *root = m->nodes + t->first;
    for (uint64_t r = 0; r < BLOCK; r++) {
        const double *row = from->rows + r * m->column_count;
        const node *n = root;
        while (n->kind != LEAF) {
            double number = row[n->column];
            int left = n->kind == RIGHT  ? number <= n->threshold
                       : n->kind == LEFT ? !(number > n->threshold)
                                         : (int)goes_left(m->sets + (uint32_t)n->threshold, code_of(number));
            if (left) n++;
            else n = root + n->right;
        }
        leaves[r] = n->right;
    }
}

/* `scratch` holds so many blocks. A tree is read once for all of them. */
void add_leaves(const model *m, const matrix *x, const sums *out, double *scratch) {
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
                if (t->walked) walk(m, t, blocks + b / BLOCK, leaves);
                else mask(m, t, blocks + b / BLOCK, leaves);
                for (uint64_t r = 0; r < here; r++) {
                    const double *value = m->values + (t->leaf + (uint64_t)leaves[r]) * m->width;
                    double *sum = out->data + (ptrdiff_t)(first + b + r) * out->row + (ptrdiff_t)t->output * out->column;
                    for (uint64_t k = 0; k < m->width; k++) sum[(ptrdiff_t)k * out->column] += value[k];
                }
            }
    }
}
