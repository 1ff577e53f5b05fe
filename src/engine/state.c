/* SPDX-License-Identifier: Apache-2.0
 *
 * --state: what detectors know, from one run to the next.
 *
 * The file: the text below, then for each detector its name with a NUL, the
 * version and the length of its state, the state; little endian.  A hash of
 * all before it ends the file: it tells damage, not forgery.  Who may write
 * the file may make a run miss things, as who may write the evidence.
 *
 * Bounds: STATE_MAX bytes; what a detector's restore() takes.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine.h"

static const char state_magic[] = "picket state 1\n";
#define STATE_MAX	(UINT64_C(4) << 30)
#define HOSTS_STATE	1u		/* its version */

static void
put_state(struct buf *b, const char *name, uint32_t version,
    const struct buf *state)
{
	buf_put(b, name, strlen(name) + 1);
	buf_le32(b, version);
	buf_le64(b, state->len);
	buf_span(b, buf_view(state));
}

bool
state_write(const char *path, const struct hunt_options *opt,
    const struct hosts *hosts, void *const *state)
{
	struct buf all, one;
	struct out_file o;
	bool ok;

	buf_init(&all, STATE_MAX);
	buf_init(&one, STATE_MAX);
	buf_str(&all, state_magic);
	if (hosts != NULL) {
		hosts_save(hosts, &one);
		put_state(&all, "hosts", HOSTS_STATE, &one);
	}
	for (size_t i = 0; i < opt->ndetectors; i++) {
		const struct detector *row = opt->detector[i];

		if (row->save == NULL)
			continue;
		buf_reset(&one);
		row->save(state[i], &one);
		put_state(&all, row->name, row->state_version, &one);
	}
	buf_le64(&all, hash_bytes(all.ptr, all.len, 1));
	ok = !all.failed && !one.failed;
	if (!ok)
		fprintf(stderr, "picket: %s: %s\n", path, err_text(ERR_NOMEM));
	if (ok && (ok = out_open(&o, path))) {
		fwrite(all.ptr, 1, all.len, o.f);
		ok = out_commit(&o);
	}
	buf_fini(&all);
	buf_fini(&one);
	return ok;
}

/* A fresh state for a detector whose old one could not be taken. */
static bool
renew(const struct detector *row, void *state)
{
	if (row->fini != NULL)
		row->fini(state);
	memset(state, 0, MAX_OF(row->state_size, (size_t)1));
	return row->init == NULL || row->init(state);
}

/* Whom the bytes are for. */
struct restoring {
	const struct hunt_options	*opt;
	struct hosts			*hosts;	/* NULL: nobody asks */
	void				*const *state;	/* by opt's detector */
};

static bool
restore_one(const struct restoring *r, struct span name, uint32_t version,
    struct cursor c)
{
	if (span_eq(name, SPAN_LIT("hosts"))) {
		if (r->hosts != NULL && version == HOSTS_STATE)
			(void)hosts_restore(r->hosts, &c);
		return true;
	}
	for (size_t i = 0; i < r->opt->ndetectors; i++) {
		const struct detector *row = r->opt->detector[i];

		if (row->restore == NULL || version != row->state_version ||
		    !span_eq(name, span_str(row->name)))
			continue;
		if (!row->restore(r->state[i], &c) &&
		    !renew(row, r->state[i]))
			return false;
	}
	return true;
}

static bool
restore_all(const struct restoring *r, const char *path, struct span bytes)
{
	const size_t head = sizeof(state_magic) - 1;
	struct cursor c;

	if (bytes.len < head + 8 ||
	    memcmp(bytes.ptr, state_magic, head) != 0 ||
	    load_le64(bytes.ptr + bytes.len - 8) !=
	    hash_bytes(bytes.ptr, bytes.len - 8, 1)) {
		fprintf(stderr, "picket: %s: not a state of this version, or "
		    "damaged; beginning anew\n", path);
		return true;
	}
	c = cur_of(span_sub(bytes, head, bytes.len - head - 8));
	while (c.left != 0) {
		size_t n = span_find_byte(cur_rest(&c), '\0');
		struct span name = cur_take(&c, n == SPAN_NPOS ? c.left : n);
		uint32_t version;
		uint64_t len;

		cur_skip(&c, 1);
		version = cur_le32(&c);
		len = cur_le64(&c);
		if (len > c.left)
			cur_fail(&c);
		if (!cur_ok(&c))
			break;
		if (!restore_one(r, name, version,
		    cur_of(cur_take(&c, (size_t)len))))
			return false;
	}
	return true;
}

bool
state_read(const char *path, const struct hunt_options *opt,
    struct hosts *hosts, void *const *state)
{
	const struct restoring r = { opt, hosts, state };
	uint8_t block[65536];
	struct buf all;
	size_t n;
	FILE *f;
	bool ok;

	if ((f = fopen(path, "re")) == NULL) {
		if (errno != ENOENT)
			fprintf(stderr, "picket: %s: cannot open: %s; "
			    "beginning anew\n", path, strerror(errno));
		return true;
	}
	buf_init(&all, STATE_MAX);
	while ((n = fread(block, 1, sizeof(block), f)) != 0)
		buf_put(&all, block, n);
	fclose(f);
	ok = restore_all(&r, path, buf_view(&all));
	buf_fini(&all);
	return ok;
}
