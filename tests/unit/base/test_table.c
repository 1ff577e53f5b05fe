/* SPDX-License-Identifier: Apache-2.0
 *
 * The bounded table against a naive list that does the same by the letter:
 * same members, same values, same order of use, same evictions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base.h"

#define KEYS	400u

struct item {
	uint32_t	key;
	uint64_t	value;
};

struct model {			/* oldest use first */
	struct item	item[KEYS];
	unsigned	n, cap;
	uint64_t	evicted;
	uint32_t	last_out;	/* key evicted last */
	uint64_t	last_value;
};

static uint64_t	seed;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % n;
}

static int
model_find(const struct model *m, uint32_t key)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->item[i].key == key)
			return (int)i;
	return -1;
}

static void
model_cut(struct model *m, unsigned i)
{
	memmove(&m->item[i], &m->item[i + 1],
	    (m->n - i - 1) * sizeof(m->item[0]));
	m->n--;
}

static void
model_use(struct model *m, unsigned i)
{
	struct item it = m->item[i];

	model_cut(m, i);
	m->item[m->n++] = it;
}

static void
model_put(struct model *m, uint32_t key, uint64_t value)
{
	int i = model_find(m, key);

	if (i >= 0) {
		model_use(m, (unsigned)i);
		m->item[m->n - 1].value = value;
		return;
	}
	if (m->n == m->cap) {
		m->last_out = m->item[0].key;
		m->last_value = m->item[0].value;
		m->evicted++;
		model_cut(m, 0);
	}
	m->item[m->n++] = (struct item){ key, value };
}

static void
on_evict(void *arg, const void *key, void *value)
{
	struct item *out = arg;

	memcpy(&out->key, key, sizeof(out->key));
	memcpy(&out->value, value, sizeof(out->value));
}

static void
same(const struct table *t, const struct model *m)
{
	const void *key;
	void *value;
	uint32_t it = 0;
	unsigned i = 0;

	assert_int_equal(table_count(t), m->n);
	assert_true(table_evicted(t) == m->evicted);
	while (table_next(t, &it, &key, &value)) {
		assert_true(i < m->n);
		assert_memory_equal(key, &m->item[i].key, 4);
		assert_memory_equal(value, &m->item[i].value, 8);
		i++;
	}
	assert_int_equal(i, m->n);
}

static void
run_model(uint32_t cap, uint32_t keys, unsigned steps)
{
	static struct model m;
	struct item out = { 0, 0 };
	struct table *t = table_new(4, 8, cap);

	assert_non_null(t);
	memset(&m, 0, sizeof(m));
	m.cap = cap;
	seed = 0x9e3779b97f4a7c15u + cap;
	table_on_evict(t, on_evict, &out);
	for (unsigned i = 0; i < steps; i++) {
		uint32_t key = rnd(keys), what = rnd(10);
		uint64_t value = ((uint64_t)i << 32) + key, *v;
		int at = model_find(&m, key);
		bool made;

		if (what < 5) {
			v = table_put(t, &key, &made);
			assert_non_null(v);
			assert_int_equal(made, at < 0);
			if (made)
				assert_true(*v == 0);	/* cleared */
			*v = value;
			model_put(&m, key, value);
			assert_int_equal(out.key, m.last_out);
			assert_true(out.value == m.last_value);
		} else if (what < 8) {
			v = table_get(t, &key);
			assert_int_equal(v != NULL, at >= 0);
			if (at >= 0) {
				assert_true(*v ==
				    m.item[at].value);
				model_use(&m, (unsigned)at);
			}
		} else if (what < 9 || i % 997 != 0) {
			table_del(t, &key);
			if (at >= 0)
				model_cut(&m, (unsigned)at);
		} else {
			table_clear(t);
			m.n = 0;
		}
		if (i % 64 == 0)
			same(t, &m);
	}
	same(t, &m);
	table_free(t);
}

static void
against_model(void **unused)
{
	(void)unused;
	run_model(1, 8, 3000);
	run_model(2, 8, 3000);
	run_model(63, KEYS, 20000);
	run_model(64, 80, 20000);
	run_model(65, KEYS, 20000);
	run_model(300, KEYS, 60000);
}

/* Grows beyond its first block without losing or mixing anything. */
static void
grows(void **unused)
{
	struct table *t = table_new(8, 4, 100000);
	bool made;

	(void)unused;
	assert_non_null(t);
	for (uint64_t k = 0; k < 150000; k++) {
		uint32_t *v = table_put(t, &k, &made);

		assert_true(v != NULL && made);
		*v = (uint32_t)k * 3;
	}
	assert_int_equal(table_count(t), 100000);
	assert_true(table_evicted(t) == 50000);
	for (uint64_t k = 0; k < 150000; k++) {
		uint32_t *v = table_get(t, &k);

		assert_int_equal(v != NULL, k >= 50000);
		if (v != NULL)
			assert_int_equal(*v, (uint32_t)k * 3);
	}
	table_free(t);
}

static void
empty(void **unused)
{
	struct table *t = table_new(4, 8, 10);
	uint32_t key = 1, it = 0;
	const void *k;
	void *v;

	(void)unused;
	assert_null(table_get(t, &key));
	table_del(t, &key);
	assert_false(table_next(t, &it, &k, &v));
	table_clear(t);
	assert_int_equal(table_count(t), 0);
	table_free(t);
	table_free(NULL);
}

static void
hashes(void **unused)
{
	(void)unused;
	assert_true(hash_seed() != 0);
	assert_true(hash_seed() == hash_seed());
	assert_true(hash_bytes("ab", 2, 1) != hash_bytes("ab", 2, 2));
	assert_true(hash_bytes("ab", 2, 1) == hash_bytes("ab", 2, 1));
	hash_bytes(NULL, 0, 1);
}

/* What was used longest ago goes first, before and after. */
static void
saved(void **unused)
{
	struct table *a = table_new(4, 3, 100), *b = table_new(4, 3, 2);
	struct table *other = table_new(4, 9, 100);
	struct buf out;
	struct cursor c;
	bool made;

	(void)unused;
	for (uint32_t k = 1; k <= 3; k++)
		memcpy(table_put(a, &k, &made), (uint8_t[]){ (uint8_t)k, 7, 9 },
		    3);
	table_get(a, &(uint32_t){ 1 });
	buf_init(&out, 0);
	table_save(a, &out);
	c = cur_of(buf_view(&out));
	assert_true(table_restore(b, &c));
	assert_int_equal(c.left, 0);
	assert_int_equal(table_count(b), 2);
	assert_null(table_get(b, &(uint32_t){ 2 }));
	assert_memory_equal(table_get(b, &(uint32_t){ 3 }),
	    ((uint8_t[]){ 3, 7, 9 }), 3);
	assert_memory_equal(table_get(b, &(uint32_t){ 1 }),
	    ((uint8_t[]){ 1, 7, 9 }), 3);
	c = cur_of(buf_view(&out));
	assert_false(table_restore(other, &c));
	for (size_t n = 0; n < out.len; n++) {
		c = cur_of(span_sub(buf_view(&out), 0, n));
		table_clear(a);
		assert_false(table_restore(a, &c));
		assert_int_equal(table_count(a), 0);
	}
	buf_fini(&out);
	table_free(a);
	table_free(b);
	table_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_model), cmocka_unit_test(grows),
		cmocka_unit_test(empty), cmocka_unit_test(hashes),
		cmocka_unit_test(saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
