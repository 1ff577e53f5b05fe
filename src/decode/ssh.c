/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh: banners and key exchange (RFC 4253), up to where it becomes unreadable.
 *
 *	banner		[other lines CR LF] SSH-proto-software [comment] CR LF
 *			section 4.2; 1.99 means 2.0 and older
 *	packet		length(4) padding_length(1) payload padding
 *			section 6
 *	KEXINIT		20 cookie(16) ten name-lists(4) first_follows(1) 0(4)
 *			section 7.1
 *	name-lists	kex, host key, cipher c>s, cipher s>c, MAC c>s, MAC s>c,
 *			compression c>s, s>c, language c>s, s>c
 *
 * One event a session, when both KEXINITs were seen (SSH 1: both banners) or
 * at the end.  Kept until then (dec_keep): banners and KEXINIT payloads.
 * Bounds: the constants below.
 */
#include "codec.h"
#include "decode.h"

#define SSH_BANNER_MAX	255	/* RFC 4253 4.2 */
#define SSH_LINES_MAX	64	/* before the banner; servers send none or a
				 * short legal notice */
#define SSH_LINE_MAX	2048	/* bytes of such a line */
#define SSH_PACKET_MAX	35000	/* RFC 4253 6.1 */
#define SSH_NAMES_MAX	128	/* of a list; real ones have up to 40.  Finding
				 * what both have takes their product */
#define SSH_PACKETS_MAX	8	/* before KEXINIT: IGNORE and DEBUG may come */

enum { SSH_MSG_IGNORE = 2, SSH_MSG_DEBUG = 4, SSH_MSG_KEXINIT = 20 };

enum {	/* name-lists of KEXINIT */
	LIST_KEX, LIST_HOST_KEY, LIST_CIPHER_C2S, LIST_CIPHER_S2C,
	LIST_MAC_C2S, LIST_MAC_S2C, LIST_COMP_C2S, LIST_COMP_S2C,
	LIST_LANG_C2S, LIST_LANG_S2C, LIST_COUNT
};

struct lane {			/* one direction */
	struct span	banner;
	struct span	kexinit;	/* name-lists on */
	uint8_t		lines;		/* before the banner */
	uint8_t		packets;	/* before KEXINIT */
	bool		has_kexinit;
};

struct ssh {
	struct lane	lane[2];	/* by direction */
	int64_t		time;		/* of the first bytes */
	uint64_t	record, offset;
	bool		started;	/* the fields above are set */
	bool		is_swapped;	/* the SSH client was called */
	bool		done;
};
_Static_assert(sizeof(struct ssh) <= DEC_STATE_MAX, "state of ssh");

/* -- key exchange -------------------------------------------------------- */

static bool
read_lists(struct span kexinit, struct span list[LIST_COUNT])
{
	struct cursor c = cur_of(kexinit);

	for (unsigned i = 0; i < LIST_COUNT; i++)
		list[i] = cur_take(&c, cur_be32(&c));
	return cur_ok(&c);
}

/* The next name of a comma-separated list. */
static bool
next_name(struct span *list, struct span *name)
{
	size_t comma;

	if (list->len == 0)
		return false;
	comma = span_find_byte(*list, ',');
	*name = span_sub(*list, 0, comma);
	*list = comma == SPAN_NPOS ? SPAN_NONE :
	    span_sub(*list, comma + 1, SIZE_MAX);
	return true;
}

static bool
has_name(struct span list, struct span want)
{
	struct span name;

	for (unsigned n = 0; n < SSH_NAMES_MAX && next_name(&list, &name); n++)
		if (span_eq(name, want))
			return true;
	return false;
}

/* RFC 4253 7.1: the first of the client's that the server has as well. */
static void
add_agreed(struct batch *b, unsigned field, struct span client,
    struct span server)
{
	struct span name;

	if (!event_wants(b, field))
		return;
	for (unsigned n = 0; n < SSH_NAMES_MAX && next_name(&client, &name);
	    n++) {
		if (has_name(server, name)) {
			event_add_copy(b, field, name);
			return;
		}
	}
}

/* github.com/salesforce/hassh: kex;cipher;MAC;compression, the lists of the
 * sender's own direction. */
static void
add_hassh(struct dec *d, const struct span list[LIST_COUNT], bool is_server)
{
	unsigned text = is_server ? FIELD_SSH_HASSH_SERVER_TEXT :
	    FIELD_SSH_HASSH_TEXT;
	unsigned hash = is_server ? FIELD_SSH_HASSH_SERVER : FIELD_SSH_HASSH;
	const unsigned parts[] = { LIST_KEX, LIST_CIPHER_C2S + is_server,
	    LIST_MAC_C2S + is_server, LIST_COMP_C2S + is_server };
	struct buf b = { 0 };
	char hex[33];
	size_t n = NITEMS(parts);

	if (!event_wants(d->batch, text) && !event_wants(d->batch, hash))
		return;
	for (unsigned i = 0; i < NITEMS(parts); i++)
		n += list[parts[i]].len;
	/* of exactly that size, so that it never grows */
	b.ptr = arena_alloc(&d->batch->arena, n);
	if (b.ptr == NULL) {
		dec_weird(d, WEIRD_BATCH_ARENA);
		return;
	}
	b.size = b.cap = n;
	for (unsigned i = 0; i < NITEMS(parts); i++) {
		if (i > 0)
			buf_byte(&b, ';');
		buf_span(&b, list[parts[i]]);
	}
	event_add_str(d->batch, text, buf_view(&b));
	if (event_wants(d->batch, hash)) {
		md5_hex(buf_view(&b), hex);
		event_add_copy(d->batch, hash, span_str(hex));
	}
}

static void
add_kex(struct dec *d, const struct ssh *s)
{
	struct span client[LIST_COUNT], server[LIST_COUNT];
	const struct lane *c = &s->lane[s->is_swapped];
	const struct lane *v = &s->lane[!s->is_swapped];
	struct batch *b = d->batch;

	/* were read once when they came */
	if (c->has_kexinit && read_lists(c->kexinit, client))
		add_hassh(d, client, false);
	if (v->has_kexinit && read_lists(v->kexinit, server))
		add_hassh(d, server, true);
	if (!c->has_kexinit || !v->has_kexinit)
		return;
	add_agreed(b, FIELD_SSH_KEX, client[LIST_KEX], server[LIST_KEX]);
	add_agreed(b, FIELD_SSH_HOST_KEY, client[LIST_HOST_KEY],
	    server[LIST_HOST_KEY]);
	add_agreed(b, FIELD_SSH_CIPHER, client[LIST_CIPHER_C2S],
	    server[LIST_CIPHER_C2S]);
	add_agreed(b, FIELD_SSH_MAC, client[LIST_MAC_C2S],
	    server[LIST_MAC_C2S]);
	add_agreed(b, FIELD_SSH_COMPRESSION, client[LIST_COMP_C2S],
	    server[LIST_COMP_C2S]);
}

static void
tell(struct dec *d, const struct ssh *s)
{
	const struct lane *c = &s->lane[s->is_swapped];
	const struct lane *v = &s->lane[!s->is_swapped];

	if (!dec_event(d, KIND_SSH, s->time, s->record, s->offset))
		return;
	if (c->banner.len != 0)
		event_add_copy(d->batch, FIELD_SSH_CLIENT, c->banner);
	if (v->banner.len != 0)
		event_add_copy(d->batch, FIELD_SSH_SERVER, v->banner);
	add_kex(d, s);
	event_end(d->batch);
}

/* The clear part is over: tells the event, once. */
static void
finish(struct dec *d, struct ssh *s)
{
	d->action = DEC_DONE;
	if (s->done)
		return;
	s->done = true;
	if (s->lane[0].banner.len != 0 || s->lane[1].banner.len != 0 ||
	    s->lane[0].has_kexinit || s->lane[1].has_kexinit)
		tell(d, s);
	for (unsigned i = 0; i < 2; i++) {
		dec_drop(d, &s->lane[i].banner);
		dec_drop(d, &s->lane[i].kexinit);
	}
}

static void
bad(struct dec *d, struct ssh *s)
{
	dec_weird(d, WEIRD_SSH_BAD);
	finish(d, s);
}

/* -- bytes --------------------------------------------------------------- */

/* SSH-1.x but for 1.99: its key exchange is not read. */
static bool
is_ssh1(struct span banner)
{
	return span_starts(banner, SPAN_LIT("SSH-1.")) &&
	    !span_starts(banner, SPAN_LIT("SSH-1.99"));
}

/* One line: the banner or one before it; false: more bytes are needed. */
static bool
banner_line(struct dec *d, struct ssh *s, const struct seg *seg,
    struct cursor *c)
{
	struct lane *lane = &s->lane[seg->dir];
	size_t n = span_find_byte(cur_rest(c), '\n');
	struct span line;

	if (n == SPAN_NPOS && !seg->end) {
		if (c->left > SSH_LINE_MAX)
			bad(d, s);
		return false;
	}
	if (n == SPAN_NPOS)		/* the banner is all there was */
		n = c->left - 1;
	line = cur_take(c, n + 1);
	if (!span_starts(line, SPAN_LIT("SSH-"))) {
		if (lane->lines++ == SSH_LINES_MAX)
			bad(d, s);
		return true;
	}
	line = span_trim(line);
	if (line.len > SSH_BANNER_MAX)
		dec_weird(d, WEIRD_SSH_BAD);
	lane->banner = dec_keep(d, span_sub(line, 0, SSH_BANNER_MAX));
	if (lane->banner.len == 0 ||
	    (s->lane[!seg->dir].banner.len != 0 &&
	    (is_ssh1(line) || is_ssh1(s->lane[!seg->dir].banner))))
		finish(d, s);
	return true;
}

static void
kexinit(struct dec *d, struct ssh *s, struct lane *lane, struct cursor c)
{
	struct span list[LIST_COUNT];

	cur_skip(&c, 16);		/* cookie */
	if (!read_lists(cur_rest(&c), list)) {
		bad(d, s);
		return;
	}
	/* Markers that only a client sends (RFC 8308 2.1, OpenSSH's PROTOCOL
	 * 1.10): a reverse connection, or one caught in the middle. */
	if (lane == &s->lane[DIR_SERVER] &&
	    (has_name(list[LIST_KEX], SPAN_LIT("ext-info-c")) ||
	    has_name(list[LIST_KEX], SPAN_LIT("kex-strict-c-v00@openssh.com"))))
		s->is_swapped = true;
	lane->kexinit = dec_keep(d, cur_rest(&c));
	lane->has_kexinit = lane->kexinit.len != 0;
	if (!lane->has_kexinit ||
	    (s->lane[0].has_kexinit && s->lane[1].has_kexinit))
		finish(d, s);
}

/* One binary packet before encryption; false: more bytes are needed. */
static bool
packet(struct dec *d, struct ssh *s, const struct seg *seg, struct cursor *c)
{
	struct lane *lane = &s->lane[seg->dir];
	struct cursor head = *c, body;
	uint32_t len = cur_be32(&head);
	uint8_t padding, type;

	if (!cur_ok(&head)) {
		d->need[seg->dir] = 4;
		return false;
	}
	if (len < 2 || len > SSH_PACKET_MAX) {
		bad(d, s);
		return true;
	}
	if (head.left < len) {
		d->need[seg->dir] = 4 + len;
		return false;
	}
	cur_skip(c, 4);
	body = cur_sub(c, len);
	padding = cur_u8(&body);
	if (padding >= body.left) {
		bad(d, s);
		return true;
	}
	body = cur_sub(&body, body.left - padding);
	type = cur_u8(&body);
	if (type == SSH_MSG_KEXINIT)
		kexinit(d, s, lane, body);
	else if ((type != SSH_MSG_IGNORE && type != SSH_MSG_DEBUG) ||
	    lane->packets++ == SSH_PACKETS_MAX)
		bad(d, s);
	return true;
}

/* -- the decoder --------------------------------------------------------- */

static enum probe_result
ssh_probe(const struct probe *p)
{
	struct span start = SPAN_LIT("SSH-");
	size_t n = MIN_OF(p->data.len, start.len);
	struct cursor c = cur_of(p->data);

	if (p->is_udp)
		return PROBE_NO;
	if (!span_eq(span_sub(p->data, 0, n), span_sub(start, 0, n)))
		/* a server may send other lines first */
		return p->dir == DIR_SERVER && span_find(p->data,
		    SPAN_LIT("\nSSH-2.0-")) != SPAN_NPOS ?
		    PROBE_YES : PROBE_NO;
	if (p->data.len < 6)
		return PROBE_MORE;
	if (!ascii_is_digit(cur_peek(&c, 4)) || cur_peek(&c, 5) != '.')
		return PROBE_NO;
	return PROBE_YES;
}

static size_t
ssh_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct ssh *s = state;
	struct lane *lane = &s->lane[seg->dir];
	struct cursor c = cur_of(seg->data);

	d->need[seg->dir] = 0;
	if (!s->started) {
		s->started = true;
		s->time = seg->time;
		s->record = seg->record;
		s->offset = seg->offset;
	}
	if (seg->lost > 0 || !d->batch->want->kind[KIND_SSH])
		finish(d, s);
	while (!s->done && c.left > 0) {
		if (lane->banner.len == 0) {
			if (!banner_line(d, s, seg, &c))
				break;
		} else if (lane->has_kexinit || is_ssh1(lane->banner)) {
			cur_skip(&c, c.left);	/* waits for the other side */
		} else if (!packet(d, s, seg, &c)) {
			break;
		}
	}
	return s->done ? seg->data.len : seg->data.len - c.left;
}

static void
ssh_close(struct dec *d, void *state)
{
	finish(d, state);
}

static const uint8_t ssh_kinds[] = { KIND_SSH, KIND_NONE };

const struct decoder decoder_ssh = {
	.name = "ssh",
	.title = "SSH banner and key exchange",
	.doc = "Reads banners, KEXINIT of both sides and what they agree on "
	    "(RFC 4253) on any port; HASSH.  Leaves what is encrypted, and of "
	    "SSH 1 all but the banners.",
	.kinds = ssh_kinds,
	.state_size = sizeof(struct ssh),
	.probe = ssh_probe,
	.stream = ssh_stream,
	.close = ssh_close,
};
