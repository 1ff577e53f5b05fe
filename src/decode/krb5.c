/* SPDX-License-Identifier: Apache-2.0
 *
 * Kerberos 5 between clients and the KDC (RFC 4120), over UDP and TCP.
 *
 * Over TCP a 4-byte big-endian length goes before each message (7.2.2).  The
 * messages are DER, tagged EXPLICIT (appendix A):
 *
 *	KDC-REQ  [APPLICATION 10 AS, 12 TGS] SEQUENCE {
 *	    [1] pvno 5, [2] msg-type, [3] SEQUENCE OF padata { [1] type, [2] }?,
 *	    [4] SEQUENCE { [0] kdc-options, [1] cname?, [2] realm, [3] sname?,
 *	        [4] from?, [5] till, [6] rtime?, [7] nonce,
 *	        [8] SEQUENCE OF etype, ... } }
 *	KDC-REP  [APPLICATION 11 AS, 13 TGS] SEQUENCE {
 *	    [0] pvno, [1] msg-type, [2] padata?, [3] crealm, [4] cname,
 *	    [5] Ticket [APPLICATION 1] SEQUENCE { [0] tkt-vno, [1] realm,
 *	        [2] sname, [3] enc-part { [0] etype, ... } },
 *	    [6] enc-part { [0] etype, ... } }
 *	KRB-ERROR [APPLICATION 30] SEQUENCE { [0] pvno, [1] msg-type,
 *	    [2] ctime?, [3] cusec?, [4] stime, [5] susec, [6] error-code,
 *	    [7] crealm?, [8] cname?, [9] realm, [10] sname, ... }
 *	PrincipalName SEQUENCE { [0] name-type, [1] SEQUENCE OF string }
 *
 * The ticket's etype tells with which key of the service it was sealed; the
 * reply's own etype belongs to the client's key.  They differ when an account
 * is roasted, so both are told.
 *
 * One event an exchange: messages carry no number in clear but the nonce of
 * requests, so a reply joins the oldest request of its type.
 *
 * Ownership: a request that waits is one dec_alloc'ed block with its texts
 * behind it, freed when told.  Bounds: the constants below.
 */
#include "codec.h"
#include "decode.h"

#define MSG_MAX		(1u << 20)	/* large PACs: some 64 KB */
#define PENDING_MAX	16		/* clients ask one after another */
#define ETYPES_MAX	32		/* some 10 are defined */
#define PADATA_MAX	64		/* Windows sends up to 6 */
#define PARTS_MAX	16		/* of a principal; SPNs have up to 3 */
#define NAME_MAX_TEXT	1024		/* a principal as text */
#define HEAD_MIN	32		/* tells tag, pvno and type for sure */

#define PVNO		5
/* RFC 4120 7.5.2, RFC 4556 3.1.3, RFC 6113 */
#define PA_ENC_TIMESTAMP 2
#define PA_PK_AS_REQ	16
#define PA_FX_FAST	136
#define PA_ENCRYPTED_CHALLENGE 138

enum msg_type {
	AS_REQ = 10, AS_REP = 11, TGS_REQ = 12, TGS_REP = 13, AP_REQ = 14,
	AP_REP = 15, KRB_ERROR = 30
};

/* What a message tells; spans borrow from it. */
struct facts {
	uint8_t		type;		/* enum msg_type */
	bool		preauth, has_options, has_error, has_ticket, has_reply;
	uint8_t		netypes;
	int32_t		etypes[ETYPES_MAX];
	uint32_t	options;
	int64_t		nonce, error, ticket_etype, reply_etype;
	struct span	crealm, realm;
	struct span	cname, sname;	/* contents of the SEQUENCE OF string */
};

struct pending {
	struct pending	*next;
	int64_t		 time;
	uint64_t	 record, offset;
	int64_t		 nonce;
	uint32_t	 options;
	uint8_t		 type;		/* enum msg_type */
	bool		 preauth, has_options;
	uint8_t		 netypes;
	int32_t		 etypes[ETYPES_MAX];
	uint16_t	 client_len, service_len, realm_len;
	uint8_t		 text[];	/* client, service, realm */
};

struct krb5_state {
	struct pending	*head;
	unsigned	 n;
};

/* RFC 4120 7.5.9; RFC 6113, RFC 4556 and Microsoft's. */
static const char *const error_names[] = {
	"KDC_ERR_NONE", "KDC_ERR_NAME_EXP", "KDC_ERR_SERVICE_EXP",
	"KDC_ERR_BAD_PVNO", "KDC_ERR_C_OLD_MAST_KVNO",
	"KDC_ERR_S_OLD_MAST_KVNO", "KDC_ERR_C_PRINCIPAL_UNKNOWN",
	"KDC_ERR_S_PRINCIPAL_UNKNOWN", "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
	"KDC_ERR_NULL_KEY", "KDC_ERR_CANNOT_POSTDATE", "KDC_ERR_NEVER_VALID",
	"KDC_ERR_POLICY", "KDC_ERR_BADOPTION", "KDC_ERR_ETYPE_NOSUPP",
	"KDC_ERR_SUMTYPE_NOSUPP", "KDC_ERR_PADATA_TYPE_NOSUPP",
	"KDC_ERR_TRTYPE_NOSUPP", "KDC_ERR_CLIENT_REVOKED",
	"KDC_ERR_SERVICE_REVOKED", "KDC_ERR_TGT_REVOKED",
	"KDC_ERR_CLIENT_NOTYET", "KDC_ERR_SERVICE_NOTYET",
	"KDC_ERR_KEY_EXPIRED", "KDC_ERR_PREAUTH_FAILED",
	"KDC_ERR_PREAUTH_REQUIRED", "KDC_ERR_SERVER_NOMATCH",
	"KDC_ERR_MUST_USE_USER2USER", "KDC_ERR_PATH_NOT_ACCEPTED",
	"KDC_ERR_SVC_UNAVAILABLE", [31] = "KRB_AP_ERR_BAD_INTEGRITY",
	"KRB_AP_ERR_TKT_EXPIRED", "KRB_AP_ERR_TKT_NYV", "KRB_AP_ERR_REPEAT",
	"KRB_AP_ERR_NOT_US", "KRB_AP_ERR_BADMATCH", "KRB_AP_ERR_SKEW",
	"KRB_AP_ERR_BADADDR", "KRB_AP_ERR_BADVERSION", "KRB_AP_ERR_MSG_TYPE",
	"KRB_AP_ERR_MODIFIED", "KRB_AP_ERR_BADORDER",
	[44] = "KRB_AP_ERR_BADKEYVER", "KRB_AP_ERR_NOKEY",
	"KRB_AP_ERR_MUT_FAIL", "KRB_AP_ERR_BADDIRECTION", "KRB_AP_ERR_METHOD",
	"KRB_AP_ERR_BADSEQ", "KRB_AP_ERR_INAPP_CKSUM",
	"KRB_AP_PATH_NOT_ACCEPTED", "KRB_ERR_RESPONSE_TOO_BIG",
	[60] = "KRB_ERR_GENERIC", "KRB_ERR_FIELD_TOOLONG",
	"KDC_ERR_CLIENT_NOT_TRUSTED", "KDC_ERR_KDC_NOT_TRUSTED",
	"KDC_ERR_INVALID_SIG", "KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED",
	"KDC_ERR_CERTIFICATE_MISMATCH", "KRB_AP_ERR_NO_TGT",
	"KDC_ERR_WRONG_REALM", "KRB_AP_ERR_USER_TO_USER_REQUIRED",
	"KDC_ERR_CANT_VERIFY_CERTIFICATE", "KDC_ERR_INVALID_CERTIFICATE",
	"KDC_ERR_REVOKED_CERTIFICATE", "KDC_ERR_REVOCATION_STATUS_UNKNOWN",
	"KDC_ERR_REVOCATION_STATUS_UNAVAILABLE", "KDC_ERR_CLIENT_NAME_MISMATCH",
	"KDC_ERR_KDC_NAME_MISMATCH", "KDC_ERR_INCONSISTENT_KEY_PURPOSE",
	"KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED",
	"KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED",
	"KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED",
	"KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED",
	[90] = "KDC_ERR_PREAUTH_EXPIRED", "KDC_ERR_MORE_PREAUTH_DATA_REQUIRED",
	"KDC_ERR_PREAUTH_BAD_AUTHENTICATION_SET",
	"KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS"
};

/* -- reading ------------------------------------------------------------- */

/* [n] INTEGER */
static int64_t
ctx_int(struct cursor *c, unsigned n)
{
	struct cursor in = der_enter(c, DER_CTX(n));
	int64_t v = der_int(&in);

	if (!cur_ok(&in))
		cur_fail(c);
	return v;
}

/* [n] of one string of any type (GeneralString by the RFC). */
static struct span
ctx_string(struct cursor *c, unsigned n)
{
	struct cursor in = der_enter(c, DER_CTX(n)), s;
	uint8_t tag;

	s = der_any(&in, &tag);
	if (!cur_ok(&s)) {
		cur_fail(c);
		return SPAN_NONE;
	}
	return cur_rest(&s);
}

/* The contents of [n] PrincipalName's strings. */
static struct span
principal(struct cursor *ctx)
{
	struct cursor seq = der_enter(ctx, DER_SEQUENCE), in;

	(void)ctx_int(&seq, 0);
	in = der_enter(&seq, DER_CTX(1));
	in = der_enter(&in, DER_SEQUENCE);
	if (!cur_ok(&in)) {
		cur_fail(ctx);
		return SPAN_NONE;
	}
	return cur_rest(&in);
}

/* The etype of EncryptedData in [n]. */
static int64_t
enc_part(struct cursor *c, unsigned n)
{
	struct cursor in = der_enter(c, DER_CTX(n));
	struct cursor seq = der_enter(&in, DER_SEQUENCE);
	int64_t etype = ctx_int(&seq, 0);

	if (!cur_ok(&seq))
		cur_fail(c);
	return etype;
}

static void
read_padata(struct cursor *list, struct facts *f)
{
	for (unsigned i = 0; i < PADATA_MAX && list->left != 0; i++) {
		struct cursor pa = der_enter(list, DER_SEQUENCE);

		switch (ctx_int(&pa, 1)) {
		case PA_ENC_TIMESTAMP: case PA_PK_AS_REQ: case PA_FX_FAST:
		case PA_ENCRYPTED_CHALLENGE:
			f->preauth |= cur_ok(&pa);
			break;
		default:
			break;
		}
	}
}

static bool
read_body(struct cursor *c, struct facts *f)
{
	struct cursor in;

	if (der_optional(c, DER_CTX(0), &in)) {
		in = der_enter(&in, DER_BITSTRING);
		cur_skip(&in, 1);	/* number of unused bits */
		f->options = cur_be32(&in);
		f->has_options = cur_ok(&in);
	}
	if (der_optional(c, DER_CTX(1), &in))
		f->cname = principal(&in);
	f->realm = ctx_string(c, 2);
	if (der_optional(c, DER_CTX(3), &in))
		f->sname = principal(&in);
	for (unsigned n = 4; n <= 6; n++)
		(void)der_optional(c, (uint8_t)DER_CTX(n), &in);
	/* Mandatory, but makers of odd clients forget it. */
	if (der_peek(c) == DER_CTX(7))
		f->nonce = ctx_int(c, 7);
	in = der_enter(c, DER_CTX(8));
	in = der_enter(&in, DER_SEQUENCE);
	while (cur_ok(&in) && in.left != 0 && f->netypes < ETYPES_MAX)
		f->etypes[f->netypes++] = (int32_t)der_int(&in);
	return cur_ok(c) && cur_ok(&in);
}

static bool
read_request(struct cursor *c, struct facts *f)
{
	struct cursor in, body;

	if (der_optional(c, DER_CTX(3), &in)) {
		in = der_enter(&in, DER_SEQUENCE);
		read_padata(&in, f);
	}
	in = der_enter(c, DER_CTX(4));
	body = der_enter(&in, DER_SEQUENCE);
	return read_body(&body, f);
}

static bool
read_reply(struct cursor *c, struct facts *f)
{
	struct cursor in;

	(void)der_optional(c, DER_CTX(2), &in);
	f->crealm = ctx_string(c, 3);
	in = der_enter(c, DER_CTX(4));
	f->cname = principal(&in);
	in = der_enter(c, DER_CTX(5));
	in = der_enter(&in, DER_APP(1));
	in = der_enter(&in, DER_SEQUENCE);
	(void)ctx_int(&in, 0);
	f->realm = ctx_string(&in, 1);
	if (cur_ok(&in)) {
		struct cursor name = der_enter(&in, DER_CTX(2));

		f->sname = principal(&name);
	}
	f->ticket_etype = enc_part(&in, 3);
	f->has_ticket = cur_ok(&in);
	f->reply_etype = enc_part(c, 6);
	f->has_reply = cur_ok(c);
	return f->has_ticket && f->has_reply;
}

static bool
read_error(struct cursor *c, struct facts *f)
{
	struct cursor in;

	for (unsigned n = 2; n <= 5; n++)
		(void)der_optional(c, (uint8_t)DER_CTX(n), &in);
	f->error = ctx_int(c, 6);
	f->has_error = cur_ok(c);
	if (der_peek(c) == DER_CTX(7))
		f->crealm = ctx_string(c, 7);
	if (der_optional(c, DER_CTX(8), &in))
		f->cname = principal(&in);
	if (der_peek(c) == DER_CTX(9))
		f->realm = ctx_string(c, 9);
	if (der_optional(c, DER_CTX(10), &in))
		f->sname = principal(&in);
	return f->has_error;
}

static bool
is_request(unsigned type)
{
	return type == AS_REQ || type == TGS_REQ;
}

/* The head that all messages share: application tag, version, type.  What it
 * returns stands behind the type. */
static struct cursor
read_head(struct span msg, unsigned *type)
{
	struct cursor c = cur_of(msg), in;
	uint8_t tag = 0;
	unsigned first;

	in = der_any(&c, &tag);
	*type = tag & 0x1f;
	if (DER_APP(*type) != tag || ((*type < AS_REQ || *type > AP_REP) &&
	    *type != KRB_ERROR))
		cur_fail(&in);
	in = der_enter(&in, DER_SEQUENCE);
	first = is_request(*type);
	if (ctx_int(&in, first) != PVNO ||
	    ctx_int(&in, first + 1) != (int64_t)*type)
		cur_fail(&in);
	return in;
}

/* -- recognising --------------------------------------------------------- */

/* The head again, from bytes that may end anywhere: its fields stand in the
 * first HEAD_MIN bytes, so lengths that reach further are not looked at. */
static enum probe_result
probe_head(struct span msg, unsigned *type)
{
	size_t total = der_total(msg), at;
	struct cursor c;
	unsigned first;

	if (msg.len == 0)
		return PROBE_MORE;
	*type = msg.ptr[0] & 0x1f;
	if (msg.ptr[0] != DER_APP(*type) ||
	    ((*type < AS_REQ || *type > AP_REP) && *type != KRB_ERROR) ||
	    total == SPAN_NPOS || total > MSG_MAX)
		return PROBE_NO;
	if (msg.len < HEAD_MIN && (total == 0 || msg.len < total))
		return PROBE_MORE;
	/* Both headers, [first] { 02 01 05 }, [first + 1] { 02 01 type } */
	c = cur_of(msg);
	for (unsigned i = 0; i < 2; i++) {
		cur_skip(&c, 1);
		at = cur_u8(&c);
		cur_skip(&c, at < 0x80 ? 0 : at & 0x7f);
		if (i == 0 && cur_peek(&c, 0) != DER_SEQUENCE)
			return PROBE_NO;
	}
	first = is_request(*type);
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t want[5] = { (uint8_t)DER_CTX(first + i), 3,
		    DER_INTEGER, 1, (uint8_t)(i == 0 ? PVNO : *type) };

		if (!span_eq(cur_take(&c, 5), span_of(want, 5)))
			return PROBE_NO;
	}
	return PROBE_YES;
}

static enum probe_result
krb5_probe(const struct probe *p)
{
	struct span msg = p->data;
	enum probe_result r;
	unsigned type = 0;
	size_t len;

	if (!p->is_udp) {
		if (msg.len < 4)
			return msg.len == 0 || msg.ptr[0] == 0 ? PROBE_MORE :
			    PROBE_NO;
		len = load_be32(msg.ptr);
		if (len < HEAD_MIN || len > MSG_MAX)
			return PROBE_NO;
		msg = span_sub(msg, 4, len);
		if (msg.len >= 6 && der_total(msg) != len)
			return PROBE_NO;
	} else if (msg.len < HEAD_MIN || der_total(msg) < msg.len) {
		return PROBE_NO;
	}
	r = probe_head(msg, &type);
	if (r != PROBE_YES)
		return p->is_udp ? PROBE_NO : r;
	if (p->dir == DIR_CLIENT &&
	    (type == AS_REP || type == TGS_REP || type == KRB_ERROR))
		return PROBE_SWAP;
	return PROBE_YES;
}

/* -- telling ------------------------------------------------------------- */

/* name/inst@REALM; false when it is no list of strings or too long. */
static bool
put_principal(struct buf *b, struct span names, struct span realm)
{
	struct cursor c = cur_of(names);

	if (names.len == 0)
		return true;
	for (unsigned i = 0; c.left != 0; i++) {
		uint8_t tag;
		struct cursor s = der_any(&c, &tag);

		if (!cur_ok(&s) || i == PARTS_MAX)
			return false;
		if (i != 0)
			buf_byte(b, '/');
		buf_span(b, cur_rest(&s));
	}
	if (realm.len != 0) {
		buf_byte(b, '@');
		buf_span(b, realm);
	}
	return !b->failed;
}

static void
add_texts(struct batch *b, const struct pending *q, const struct facts *f)
{
	static const uint16_t ids[3] = { FIELD_KRB_CLIENT, FIELD_KRB_SERVICE,
	    FIELD_KRB_REALM };
	uint8_t room[NAME_MAX_TEXT];
	size_t off = 0;

	for (unsigned i = 0; i < 3; i++) {
		struct buf t = { .ptr = room, .size = sizeof(room),
		    .cap = sizeof(room) };
		bool ok = true;

		if (f != NULL && i < 2)
			ok = put_principal(&t, i == 0 ? f->cname : f->sname,
			    i == 0 && f->crealm.len != 0 ? f->crealm :
			    f->realm);
		else if (f != NULL)
			buf_span(&t, f->realm);
		if (!ok || t.failed)
			t.len = 0;
		if (q != NULL) {
			size_t len = i == 0 ? q->client_len : i == 1 ?
			    q->service_len : q->realm_len;

			if (t.len == 0)
				buf_put(&t, q->text + off, len);
			off += len;
		}
		if (t.len != 0)
			event_add_copy(b, ids[i], buf_view(&t));
	}
}

static void
add_request(struct batch *b, const struct pending *q)
{
	struct value *v;

	v = event_add_list(b, FIELD_KRB_REQ_ETYPES, q->netypes);
	for (unsigned i = 0; v != NULL && i < q->netypes; i++) {
		v[i].type = VT_I64;
		v[i].i64 = q->etypes[i];
	}
	if (q->has_options)
		event_add_num(b, FIELD_KRB_OPTIONS, VT_HEX, q->options);
	event_add_bool(b, FIELD_KRB_PREAUTH, q->preauth);
}

static void
add_reply(struct batch *b, const struct facts *f)
{
	const char *name = NULL;
	char other[40];

	if (f->has_ticket) {
		event_add_num(b, FIELD_KRB_TICKET_ETYPE, VT_I64,
		    (uint64_t)f->ticket_etype);
		name = dec_krb_etype_name(f->ticket_etype);
		if (name != NULL)
			event_add_str(b, FIELD_KRB_CIPHER, span_str(name));
		name = NULL;
	}
	if (f->has_reply)
		event_add_num(b, FIELD_KRB_REPLY_ETYPE, VT_I64,
		    (uint64_t)f->reply_etype);
	if (f->has_error) {
		if (f->error >= 0 && f->error < (int64_t)NITEMS(error_names))
			name = error_names[f->error];
		if (name != NULL) {
			event_add_str(b, FIELD_KRB_ERROR, span_str(name));
		} else {
			struct buf t = { .ptr = (uint8_t *)other,
			    .size = sizeof(other), .cap = sizeof(other) };

			buf_printf(&t, "KRB_ERROR_%lld", (long long)f->error);
			event_add_copy(b, FIELD_KRB_ERROR, buf_view(&t));
		}
		event_add_num(b, FIELD_KRB_ERROR_CODE, VT_U64,
		    (uint64_t)f->error);
	}
	event_add_bool(b, FIELD_KRB_SUCCESS, f->has_ticket);
}

/* q: the request, f: the reply; one may be missing, then so is seg of f. */
static void
tell(struct dec *d, const struct pending *q, const struct facts *f,
    const struct seg *seg)
{
	struct batch *b = d->batch;
	unsigned type = q != NULL ? q->type : f->type;

	if (!dec_event(d, KIND_KRB5, q != NULL ? q->time : seg->time,
	    q != NULL ? q->record : seg->record,
	    q != NULL ? q->offset : seg->offset))
		return;
	event_add_str(b, FIELD_KRB_TYPE, type == KRB_ERROR ?
	    SPAN_LIT("KRB-ERROR") : type <= AS_REP ? SPAN_LIT("AS") :
	    SPAN_LIT("TGS"));
	add_texts(b, q, f);
	if (q != NULL)
		add_request(b, q);
	if (f != NULL)
		add_reply(b, f);
	event_end(b);
}

/* -- requests that wait -------------------------------------------------- */

static void
pending_remove(struct dec *d, struct krb5_state *s, struct pending **at)
{
	struct pending *p = *at;

	*at = p->next;
	s->n--;
	dec_free(d, p, sizeof(*p) + p->client_len + p->service_len +
	    p->realm_len);
}

static void
pending_add(struct dec *d, struct krb5_state *s, const struct facts *f,
    const struct seg *seg)
{
	uint8_t room[2][NAME_MAX_TEXT];
	struct buf client = { .ptr = room[0], .size = NAME_MAX_TEXT,
	    .cap = NAME_MAX_TEXT };
	struct buf service = { .ptr = room[1], .size = NAME_MAX_TEXT,
	    .cap = NAME_MAX_TEXT };
	struct pending *p, **at = &s->head;
	size_t realm = MIN_OF(f->realm.len, NAME_MAX_TEXT);

	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->type == f->type && (*at)->nonce == f->nonce)
			return;		/* sent again */
	if (s->n == PENDING_MAX) {
		dec_weird(d, WEIRD_KRB_PENDING);
		tell(d, s->head, NULL, NULL);
		pending_remove(d, s, &s->head);
		for (at = &s->head; *at != NULL; at = &(*at)->next)
			;
	}
	if (!put_principal(&client, f->cname, f->realm) ||
	    !put_principal(&service, f->sname, f->realm))
		dec_weird(d, WEIRD_KRB_BAD);
	p = dec_alloc(d, sizeof(*p) + client.len + service.len + realm);
	if (p == NULL)
		return;
	p->time = seg->time;
	p->record = seg->record;
	p->offset = seg->offset;
	p->nonce = f->nonce;
	p->options = f->options;
	p->type = f->type;
	p->preauth = f->preauth;
	p->has_options = f->has_options;
	p->netypes = f->netypes;
	memcpy(p->etypes, f->etypes, sizeof(p->etypes));
	p->client_len = (uint16_t)client.len;
	p->service_len = (uint16_t)service.len;
	p->realm_len = (uint16_t)realm;
	memcpy(p->text, client.ptr, client.len);
	memcpy(p->text + client.len, service.ptr, service.len);
	if (realm != 0)
		memcpy(p->text + client.len + service.len, f->realm.ptr,
		    realm);
	*at = p;
	s->n++;
}

/* The oldest request that this can answer. */
static struct pending **
pending_find(struct krb5_state *s, const struct facts *f)
{
	struct pending **at;

	for (at = &s->head; *at != NULL; at = &(*at)->next)
		if (f->type == KRB_ERROR || (*at)->type == f->type - 1)
			return at;
	return NULL;
}

/* -- messages ------------------------------------------------------------ */

static void
message(struct dec *d, struct krb5_state *s, const struct seg *seg,
    struct span msg)
{
	struct facts f = { .type = 0 };
	struct pending **at;
	unsigned type;
	struct cursor c = read_head(msg, &type);
	bool ok = cur_ok(&c);

	f.type = (uint8_t)type;
	if (!ok) {
		dec_weird(d, WEIRD_KRB_BAD);
		return;
	}
	if (is_request(type)) {
		if (!read_request(&c, &f))
			dec_weird(d, WEIRD_KRB_BAD);
		if (f.realm.len != 0)	/* told as far as it was read */
			pending_add(d, s, &f, seg);
		return;
	}
	if (type == AP_REQ || type == AP_REP)
		return;		/* of services: nothing in clear to tell */
	ok = type == KRB_ERROR ? read_error(&c, &f) : read_reply(&c, &f);
	if (!ok)
		dec_weird(d, WEIRD_KRB_BAD);
	if (!ok && !f.has_ticket)
		return;
	at = pending_find(s, &f);
	tell(d, at != NULL ? *at : NULL, &f, seg);
	if (at != NULL)
		pending_remove(d, s, at);
}

static void
krb5_dgram(struct dec *d, void *state, const struct seg *seg)
{
	if (!d->batch->want->kind[KIND_KRB5]) {
		d->action = DEC_DONE;
		return;
	}
	if (seg->data.len != 0)
		message(d, state, seg, seg->data);
}

static size_t
krb5_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct cursor c = cur_of(seg->data);
	unsigned type;

	if (!d->batch->want->kind[KIND_KRB5]) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	/* After a gap only what starts as a message does is believed. */
	if (seg->lost != 0 && (c.left < 4 ||
	    probe_head(span_sub(seg->data, 4, c.left), &type) != PROBE_YES)) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	while (c.left >= 4) {
		struct cursor whole = c;
		size_t len = cur_be32(&whole);
		struct span msg = cur_take(&whole, len);

		/* The high bit asks for extensions that nobody uses. */
		if (len > MSG_MAX) {
			dec_weird(d, WEIRD_KRB_BAD);
			d->action = DEC_DONE;
			return seg->data.len;
		}
		if (!cur_ok(&whole)) {
			d->need[seg->dir] = 4 + len;
			break;
		}
		if (len != 0)
			message(d, state, seg, msg);
		c = whole;
	}
	return seg->data.len - c.left;
}

static void
krb5_close(struct dec *d, void *state)
{
	struct krb5_state *s = state;

	while (s->head != NULL) {
		tell(d, s->head, NULL, NULL);
		pending_remove(d, s, &s->head);
	}
}

static const uint8_t krb5_kinds[] = { KIND_KRB5, KIND_NONE };

const struct decoder decoder_krb5 = {
	.name = "krb5",
	.title = "Kerberos 5",
	.doc = "AS and TGS exchanges and errors (RFC 4120) over UDP and TCP, "
	    "on any port: principals, options, encryption types of the "
	    "request, the ticket and the reply. Nothing is decrypted; AP "
	    "exchanges, also those inside other protocols, are left.",
	.kinds = krb5_kinds,
	.state_size = sizeof(struct krb5_state),
	.probe = krb5_probe,
	.stream = krb5_stream,
	.dgram = krb5_dgram,
	.close = krb5_close,
};
