/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto_krb5: Kerberos 5 messages, see proto.h.  RFC 4120 section 5:
 *
 *   Ticket      [APPLICATION 1]  { [0] 5, [1] realm, [2] sname, [3] enc }
 *   AS-REQ      [APPLICATION 10] KDC-REQ { [1] 5, [2] type, [3] padata,
 *                                [4] body }
 *   TGS-REQ     [APPLICATION 12] KDC-REQ
 *   AS-REP      [APPLICATION 11] KDC-REP { [0] 5, [1] type, [2] padata,
 *                                [3] crealm, [4] cname, [5] ticket, [6] enc }
 *   TGS-REP     [APPLICATION 13] KDC-REP
 *   AP-REQ      [APPLICATION 14] { [0] 5, [1] 14, [2] opts, [3], [4] enc }
 *   KRB-ERROR   [APPLICATION 30]
 */
#include <string.h>

#include "proto.h"

static void
tagged_int(struct buf *b, unsigned n, int64_t v)
{
	size_t at = der_begin(b);

	der_int(b, v);
	der_end(b, at, 0xa0 | n);
}

static void
tagged_text(struct buf *b, unsigned n, unsigned tag, const char *s)
{
	size_t at = der_begin(b);

	der_text(b, tag, s);
	der_end(b, at, 0xa0 | n);
}

/* PrincipalName; parts are separated by '/', and a second part may hold ':' */
static void
tagged_name(struct buf *b, unsigned n, int type, const char *name)
{
	size_t at = der_begin(b), seq = der_begin(b), list, strings, one;
	size_t len;

	tagged_int(b, 0, type);
	list = der_begin(b);
	strings = der_begin(b);
	for (;;) {
		len = strcspn(name, "/");
		one = der_begin(b);
		buf_put(b, name, len);
		der_end(b, one, 0x1b);
		if (name[len] == '\0')
			break;
		name += len + 1;
	}
	der_end(b, strings, 0x30);
	der_end(b, list, 0xa1);
	der_end(b, seq, 0x30);
	der_end(b, at, 0xa0 | n);
}

/* EncryptedData; kvno 0 leaves it out */
static void
encrypted(struct buf *b, struct rng *r, int etype, int kvno, size_t len)
{
	size_t seq = der_begin(b), at, octets;

	tagged_int(b, 0, etype);
	if (kvno != 0)
		tagged_int(b, 1, kvno);
	at = der_begin(b);
	octets = der_begin(b);
	buf_rand(b, r, len);
	der_end(b, octets, 0x04);
	der_end(b, at, 0xa2);
	der_end(b, seq, 0x30);
}

static void
put_ticket(struct buf *b, struct rng *r, const char *realm, const char *spn,
    int etype, size_t len)
{
	size_t app = der_begin(b), seq = der_begin(b), at;

	tagged_int(b, 0, 5);
	tagged_text(b, 1, 0x1b, realm);
	tagged_name(b, 2, 2, spn);
	at = der_begin(b);
	encrypted(b, r, etype, 2, len);
	der_end(b, at, 0xa3);
	der_end(b, seq, 0x30);
	der_end(b, app, 0x61);
}

static void
put_body(struct buf *b, const struct krb_call *c, int with_client)
{
	size_t at = der_begin(b), seq = der_begin(b), field, list;
	unsigned i;

	field = der_begin(b);
	buf_put(b, "\x03\x05\x00\x40\x81\x00\x10", 7);
	der_end(b, field, 0xa0);
	if (with_client)
		tagged_name(b, 1, 1, c->client);
	tagged_text(b, 2, 0x1b, c->realm);
	tagged_name(b, 3, 2, c->spn);
	tagged_text(b, 5, 0x18, "20370913024805Z");
	tagged_int(b, 7, c->nonce);
	field = der_begin(b);
	list = der_begin(b);
	for (i = 0; c->offered[i] != 0; i++)
		der_int(b, c->offered[i]);
	der_end(b, list, 0x30);
	der_end(b, field, 0xa8);
	der_end(b, seq, 0x30);
	der_end(b, at, 0xa4);
}

/* PA-DATA { [1] type, [2] value }; the value is what stands from begin on */
static void
end_padata(struct buf *b, size_t begin, int type)
{
	struct buf value = { 0 };
	size_t at;

	der_end(b, begin, 0x04);
	der_end(b, begin, 0xa2);
	buf_put(&value, b->data + begin, b->len - begin);
	b->len = begin;
	at = der_begin(b);
	tagged_int(b, 1, type);
	buf_cat(b, &value);
	der_end(b, at, 0x30);
	buf_free(&value);
}

void
krb_as_req(struct buf *b, struct rng *r, const struct krb_call *c,
    int with_preauth)
{
	size_t app = der_begin(b), seq = der_begin(b), field, list, at;

	tagged_int(b, 1, 5);
	tagged_int(b, 2, 10);
	field = der_begin(b);
	list = der_begin(b);
	if (with_preauth) {
		at = der_begin(b);
		encrypted(b, r, c->reply_etype, 0, 56);
		end_padata(b, at, 2);
	}
	at = der_begin(b);
	buf_put(b, "\x30\x05\xa0\x03\x01\x01\xff", 7);
	end_padata(b, at, 128);
	der_end(b, list, 0x30);
	der_end(b, field, 0xa3);
	put_body(b, c, 1);
	der_end(b, seq, 0x30);
	der_end(b, app, 0x6a);
}

void
krb_preauth_required(struct buf *b, const struct krb_call *c,
    const char *now)
{
	size_t app = der_begin(b), seq = der_begin(b), field, data, list, at;
	size_t info, entry;

	tagged_int(b, 0, 5);
	tagged_int(b, 1, 30);
	tagged_text(b, 4, 0x18, now);
	tagged_int(b, 5, 184210);
	tagged_int(b, 6, 25);
	tagged_text(b, 9, 0x1b, c->realm);
	tagged_name(b, 10, 2, c->spn);
	field = der_begin(b);
	data = der_begin(b);
	list = der_begin(b);
	at = der_begin(b);
	info = der_begin(b);
	entry = der_begin(b);
	tagged_int(b, 0, 18);
	der_end(b, entry, 0x30);
	der_end(b, info, 0x30);
	end_padata(b, at, 19);
	at = der_begin(b);
	end_padata(b, at, 2);
	der_end(b, list, 0x30);
	der_end(b, data, 0x04);
	der_end(b, field, 0xac);
	der_end(b, seq, 0x30);
	der_end(b, app, 0x7e);
}

/* KRB-ERROR with a code alone */
void
krb_error(struct buf *b, const struct krb_call *c, const char *now, int code)
{
	size_t app = der_begin(b), seq = der_begin(b);

	tagged_int(b, 0, 5);
	tagged_int(b, 1, 30);
	tagged_text(b, 4, 0x18, now);
	tagged_int(b, 5, 184210);
	tagged_int(b, 6, code);
	tagged_text(b, 9, 0x1b, c->realm);
	tagged_name(b, 10, 2, c->spn);
	der_end(b, seq, 0x30);
	der_end(b, app, 0x7e);
}

static void
put_reply(struct buf *b, struct rng *r, const struct krb_call *c,
    int type, unsigned app_tag)
{
	size_t app = der_begin(b), seq = der_begin(b), at;

	tagged_int(b, 0, 5);
	tagged_int(b, 1, type);
	tagged_text(b, 3, 0x1b, c->realm);
	tagged_name(b, 4, 1, c->client);
	at = der_begin(b);
	put_ticket(b, r, c->realm, c->spn, c->ticket_etype,
	    type == 13 ? 1002 : 1060);
	der_end(b, at, 0xa5);
	at = der_begin(b);
	encrypted(b, r, c->reply_etype, type == 13 ? 0 : 3, 276);
	der_end(b, at, 0xa6);
	der_end(b, seq, 0x30);
	der_end(b, app, app_tag);
}

void
krb_as_rep(struct buf *b, struct rng *r, const struct krb_call *c)
{
	put_reply(b, r, c, 11, 0x6b);
}

void
krb_tgs_rep(struct buf *b, struct rng *r, const struct krb_call *c)
{
	put_reply(b, r, c, 13, 0x6d);
}

void
krb_tgs_req(struct buf *b, struct rng *r, const struct krb_call *c)
{
	size_t app = der_begin(b), seq = der_begin(b), field, list, at;
	size_t req, fields, part;
	char tgt[128] = "krbtgt/";

	strncat(tgt, c->realm, sizeof(tgt) - 8);
	tagged_int(b, 1, 5);
	tagged_int(b, 2, 12);
	field = der_begin(b);
	list = der_begin(b);
	at = der_begin(b);
	req = der_begin(b);
	fields = der_begin(b);
	tagged_int(b, 0, 5);
	tagged_int(b, 1, 14);
	part = der_begin(b);
	buf_put(b, "\x03\x05\x00\x00\x00\x00\x00", 7);
	der_end(b, part, 0xa2);
	part = der_begin(b);
	put_ticket(b, r, c->realm, tgt, 18, 1060);
	der_end(b, part, 0xa3);
	part = der_begin(b);
	encrypted(b, r, 18, 0, 180);
	der_end(b, part, 0xa4);
	der_end(b, fields, 0x30);
	der_end(b, req, 0x6e);
	end_padata(b, at, 1);
	der_end(b, list, 0x30);
	der_end(b, field, 0xa3);
	put_body(b, c, 0);
	der_end(b, seq, 0x30);
	der_end(b, app, 0x6c);
}

void
krb_over_tcp(struct buf *out, const struct buf *message)
{
	buf_be32(out, (uint32_t)message->len);
	buf_cat(out, message);
}
