/* SPDX-License-Identifier: Apache-2.0
 *
 * LDAPv3 between clients and directories (RFC 4511), over TCP and UDP.
 *
 *	LDAPMessage	SEQUENCE { messageID INTEGER, protocolOp, controls? }
 *	BindRequest	[APPLICATION 0] { version INTEGER, name OCTET STRING,
 *			[0] password | [3] { mechanism, credentials? } }  4.2
 *	SearchRequest	[APPLICATION 3] { base, scope ENUM, deref ENUM,
 *			sizeLimit, timeLimit, typesOnly BOOLEAN, Filter,
 *			SEQUENCE OF attribute }				4.5.1
 *	Filter		[0] and, [1] or: SET OF Filter; [2] not Filter;
 *			[3] = [5] >= [6] <= [8] ~= { type, value };
 *			[4] { type, SEQUENCE OF [0] first [1] any [2] last };
 *			[7] present; [9] { [1] rule [2] type [3] value [4] dn }
 *	LDAPResult	{ resultCode ENUM, matchedDN, diagnostic, ... }	4.1.9
 *	ExtendedRequest	[APPLICATION 23] { [0] OID, [1] value? }	4.12
 *
 * What SASL wraps after a bind is read when it is signed and not sealed: a
 * length of 4 bytes, big endian (RFC 4422 3.7), then Kerberos' wrap token
 *	05 04 flags ff, EC and RRC of 2 bytes, sequence of 8, text and checksum
 *	of EC bytes, turned right by RRC bytes (RFC 4121 4.2.6.2, 4.2.5)
 * or NTLM's signature of 16 bytes before the text ([MS-NLMP] 2.2.2.9).
 *
 * One event a request, told with its result or at the end without.  Filters are
 * told as text (RFC 4515).  Passwords are never told.  A granted StartTLS hands
 * the connection over.
 *
 * Ownership: a request that waits is one dec_alloc'ed block with the message
 * behind it, freed when told.  Entries of an answer are passed over unread.
 * Bounds: the constants below; filters are walked with a stack of our own.
 */
#include "codec.h"
#include "decode.h"

#define REQUEST_MAX	16384u	/* kept; larger ones (photos that are added)
				 * are passed over */
#define RESULT_MAX	65536u	/* results with referrals are far smaller */
#define PENDING_MAX	32	/* clients ask some few at a time */
#define FILTER_DEPTH	32	/* real filters nest 3 to 6 deep */
#define FILTER_TEXT	4096	/* bytes told */
#define ATTRS_MAX	64	/* told; clients ask for some 20 */
#define SASL_HEAD	4u

enum op {		/* tags of protocolOp */
	OP_BIND = 0x60, OP_BIND_RES = 0x61, OP_UNBIND = 0x42, OP_SEARCH = 0x63,
	OP_ENTRY = 0x64, OP_DONE = 0x65, OP_MODIFY = 0x66,
	OP_MODIFY_RES = 0x67, OP_ADD = 0x68, OP_ADD_RES = 0x69,
	OP_DELETE = 0x4a, OP_DELETE_RES = 0x6b, OP_RENAME = 0x6c,
	OP_RENAME_RES = 0x6d, OP_COMPARE = 0x6e, OP_COMPARE_RES = 0x6f,
	OP_ABANDON = 0x50, OP_REFERENCE = 0x73, OP_EXTENDED = 0x77,
	OP_EXTENDED_RES = 0x78, OP_INTERMEDIATE = 0x79
};

static const struct op_row {
	uint8_t		request, result;
	const char	*name;
} ops[] = {
	{ OP_BIND, OP_BIND_RES, "bind" },
	{ OP_SEARCH, OP_DONE, "search" },
	{ OP_MODIFY, OP_MODIFY_RES, "modify" },
	{ OP_ADD, OP_ADD_RES, "add" },
	{ OP_DELETE, OP_DELETE_RES, "delete" },
	{ OP_RENAME, OP_RENAME_RES, "modify-dn" },
	{ OP_COMPARE, OP_COMPARE_RES, "compare" },
	{ OP_EXTENDED, OP_EXTENDED_RES, "extended" },
};

/* 1.3.6.1.4.1.1466.20037, RFC 4511 4.14.1 */
#define STARTTLS	SPAN_LIT("1.3.6.1.4.1.1466.20037")

struct pending {
	struct pending	*next;
	int64_t		 time;
	uint64_t	 record, offset;
	uint64_t	 entries;
	int64_t		 id;
	uint32_t	 len;
	uint8_t		 op;
	uint8_t		 body[];	/* contents of protocolOp */
};

struct ldap {
	struct pending	*head;
	unsigned	 n;
	bool		 started;
	struct ntlm	 server;	/* names of its challenge */
};
_Static_assert(sizeof(struct ldap) <= DEC_STATE_MAX, "state of ldap");

struct answer {
	bool		has_code;
	int64_t		code;
	struct span	text;		/* diagnosticMessage */
};

static const struct op_row *
op_of(uint8_t tag)
{
	for (size_t i = 0; i < NITEMS(ops); i++)
		if (ops[i].request == tag || ops[i].result == tag)
			return &ops[i];
	return NULL;
}

/* -- recognising --------------------------------------------------------- */

/* What stands behind the length: messageID, then the tag of an operation. */
static enum probe_result
ldap_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);
	size_t total = der_total(p->data);
	uint8_t len, tag;

	if (p->data.len != 0 && p->data.ptr[0] != DER_SEQUENCE)
		return PROBE_NO;
	if (total == SPAN_NPOS)
		return PROBE_NO;
	cur_skip(&c, 1);
	len = cur_u8(&c);
	cur_skip(&c, len < 0x80 ? 0 : len & 0x7f);
	if (cur_ok(&c) && c.left > 0 && cur_peek(&c, 0) != DER_INTEGER)
		return PROBE_NO;
	cur_skip(&c, 1);
	len = cur_u8(&c);
	if (cur_ok(&c) && (len == 0 || len > 4))
		return PROBE_NO;
	cur_skip(&c, len);
	tag = cur_u8(&c);
	if (!cur_ok(&c) || c.left < 2)
		return p->is_udp ? PROBE_NO : PROBE_MORE;
	if (tag != OP_ENTRY && tag != OP_REFERENCE && op_of(tag) == NULL)
		return PROBE_NO;
	len = cur_u8(&c);
	cur_skip(&c, len < 0x80 ? 0 : len & 0x7f);
	if (tag == OP_DELETE || c.left == 0)
		return tag == OP_DELETE ? PROBE_NO : PROBE_MORE;
	switch (cur_peek(&c, 0)) {
	case DER_INTEGER:		/* version */
		return tag == OP_BIND ? PROBE_YES : PROBE_NO;
	case 0x0a:			/* resultCode */
		return op_of(tag) != NULL && op_of(tag)->result == tag ?
		    PROBE_YES : PROBE_NO;
	case DER_OCTETSTRING:		/* names */
		return tag == OP_SEARCH || tag == OP_ENTRY ||
		    tag == OP_MODIFY || tag == OP_ADD || tag == OP_COMPARE ||
		    tag == OP_REFERENCE || tag == OP_RENAME ?
		    PROBE_YES : PROBE_NO;
	case 0x80:			/* requestName */
		return tag == OP_EXTENDED ? PROBE_YES : PROBE_NO;
	default:
		return PROBE_NO;
	}
}

/* -- filters as text ----------------------------------------------------- */

struct text {
	char	b[FILTER_TEXT];
	size_t	n;
	bool	cut;
};

static void
put(struct text *t, const char *s, size_t n)
{
	if (n > sizeof(t->b) - t->n) {
		t->cut = true;
		n = sizeof(t->b) - t->n;
	}
	memcpy(t->b + t->n, s, n);
	t->n += n;
}

static void
put_char(struct text *t, char c)
{
	put(t, &c, 1);
}

/* RFC 4515 3: what would be read as syntax, and what is no text, as \xx. */
static void
put_value(struct text *t, struct cursor c)
{
	static const char hex[] = "0123456789abcdef";

	while (c.left != 0 && !t->cut) {
		struct span s = cur_rest(&c);
		size_t n = utf8_seq(s.ptr, s.len);
		uint8_t b = s.ptr[0];
		char esc[3] = { '\\', hex[b >> 4], hex[b & 15] };

		if (n == 0 || b < 0x20 || b == 0x7f || b == '*' || b == '(' ||
		    b == ')' || b == '\\') {
			put(t, esc, 3);
			cur_skip(&c, 1);
		} else {
			put(t, (const char *)s.ptr, n);
			cur_skip(&c, n);
		}
	}
}

/* { type, SEQUENCE OF [0] initial, [1] any, [2] final } */
static bool
put_substrings(struct text *t, struct cursor *in)
{
	struct cursor parts;
	uint8_t tag = 0;

	put_value(t, der_enter(in, DER_OCTETSTRING));
	put_char(t, '=');
	parts = der_enter(in, DER_SEQUENCE);
	while (cur_ok(&parts) && parts.left != 0 && !t->cut) {
		struct cursor part = der_any(&parts, &tag);

		if (tag != 0x80)
			put_char(t, '*');
		put_value(t, part);
	}
	if (tag != 0x82)
		put_char(t, '*');
	return cur_ok(&parts);
}

/* { [1] rule?, [2] type?, [3] value, [4] dnAttributes } */
static bool
put_extensible(struct text *t, struct cursor *in)
{
	struct cursor rule = cur_of(SPAN_NONE), type = rule, value = rule;
	bool dn = false;

	while (cur_ok(in) && in->left != 0) {
		uint8_t tag;
		struct cursor c = der_any(in, &tag);

		if (tag == 0x81)
			rule = c;
		else if (tag == 0x82)
			type = c;
		else if (tag == 0x83)
			value = c;
		else if (tag == 0x84)
			dn = cur_peek(&c, 0) != 0;
	}
	put_value(t, type);
	if (dn)
		put(t, ":dn", 3);
	if (rule.left != 0) {
		put_char(t, ':');
		put_value(t, rule);
	}
	put(t, ":=", 2);
	put_value(t, value);
	return cur_ok(in);
}

static bool
put_item(struct text *t, uint8_t tag, struct cursor *in)
{
	static const char *const sign[] = { [3] = "=", [5] = ">=", [6] = "<=",
	    [8] = "~=" };
	struct cursor value;

	switch (tag) {
	case DER_CTX(3): case DER_CTX(5): case DER_CTX(6): case DER_CTX(8):
		put_value(t, der_enter(in, DER_OCTETSTRING));
		put(t, sign[tag & 15], strlen(sign[tag & 15]));
		value = der_enter(in, DER_OCTETSTRING);
		put_value(t, value);
		return cur_ok(&value);
	case DER_CTX(4):
		return put_substrings(t, in);
	case 0x87:
		put_value(t, *in);
		put(t, "=*", 2);
		return true;
	case DER_CTX(9):
		return put_extensible(t, in);
	default:
		return false;
	}
}

/* false: broken.  Deeper or longer than the limits: cut. */
static bool
put_filter(struct text *t, struct cursor one)
{
	struct cursor stack[FILTER_DEPTH];
	unsigned depth = 0;

	stack[0] = one;
	for (;;) {
		struct cursor in;
		uint8_t tag;

		if (stack[depth].left == 0) {
			if (depth-- == 0)
				return true;
			put_char(t, ')');
			continue;
		}
		in = der_any(&stack[depth], &tag);
		if (!cur_ok(&in))
			return false;
		put_char(t, '(');
		if (tag >= DER_CTX(0) && tag <= DER_CTX(2)) {
			put_char(t, "&|!"[tag & 3]);
			if (depth + 1 == FILTER_DEPTH)
				t->cut = true;
			else
				stack[++depth] = in;
		} else if (!put_item(t, tag, &in)) {
			return false;
		} else {
			put_char(t, ')');
		}
		if (t->cut)
			return true;
	}
}

/* -- telling ------------------------------------------------------------- */

static const char *
result_name(int64_t code)
{
	static const char *const names[] = {	/* RFC 4511 appendix A */
		"success", "operationsError", "protocolError",
		"timeLimitExceeded", "sizeLimitExceeded", "compareFalse",
		"compareTrue", "authMethodNotSupported",
		"strongerAuthRequired", [10] = "referral",
		"adminLimitExceeded", "unavailableCriticalExtension",
		"confidentialityRequired", "saslBindInProgress",
		[16] = "noSuchAttribute", "undefinedAttributeType",
		"inappropriateMatching", "constraintViolation",
		"attributeOrValueExists", "invalidAttributeSyntax",
		[32] = "noSuchObject", "aliasProblem", "invalidDNSyntax",
		[36] = "aliasDereferencingProblem",
		[48] = "inappropriateAuthentication", "invalidCredentials",
		"insufficientAccessRights", "busy", "unavailable",
		"unwillingToPerform", "loopDetect",
		[64] = "namingViolation", "objectClassViolation",
		"notAllowedOnNonLeaf", "notAllowedOnRDN",
		"entryAlreadyExists", "objectClassModsProhibited",
		[71] = "affectsMultipleDSAs", [80] = "other"
	};

	return code >= 0 && code < (int64_t)NITEMS(names) ?
	    names[code] : NULL;
}

static void
add_text(struct batch *b, unsigned field, struct cursor c)
{
	if (cur_ok(&c) && event_wants(b, field))
		event_add_copy(b, field, cur_rest(&c));
}

static void
add_attributes(struct dec *d, struct cursor list)
{
	struct cursor count = list;
	struct span all = cur_rest(&list), kept;
	struct value *v;
	uint32_t n = 0;
	uint8_t *copy, tag;

	while (count.left != 0 && n < ATTRS_MAX) {
		(void)der_any(&count, &tag);
		if (!cur_ok(&count))
			break;
		n++;
	}
	if (n == 0 || !event_wants(d->batch, FIELD_LDAP_ATTRIBUTES))
		return;
	if (count.left != 0)
		dec_weird(d, WEIRD_LDAP_LIMIT);
	copy = arena_alloc(&d->batch->arena, all.len);
	v = copy == NULL ? NULL :
	    event_add_list(d->batch, FIELD_LDAP_ATTRIBUTES, n);
	if (v == NULL)
		return;
	memcpy(copy, all.ptr, all.len);
	list = cur_of(span_of(copy, all.len));
	for (uint32_t i = 0; i < n; i++) {
		struct cursor in = der_any(&list, &tag);

		kept = cur_rest(&in);
		v[i] = (struct value){ .type = VT_STR, .ptr = kept.ptr,
		    .len = (uint32_t)kept.len };
	}
}

static bool
add_bind(struct dec *d, struct cursor *c)
{
	struct cursor in;
	uint8_t tag;

	(void)der_int(c);
	add_text(d->batch, FIELD_LDAP_NAME, der_enter(c, DER_OCTETSTRING));
	in = der_any(c, &tag);
	if (!cur_ok(&in))
		return false;
	if (tag == DER_CTX(3))
		add_text(d->batch, FIELD_LDAP_MECHANISM,
		    der_enter(&in, DER_OCTETSTRING));
	else if (tag == 0x80)		/* RFC 4513 5.1 */
		event_add_str(d->batch, FIELD_LDAP_MECHANISM, in.left == 0 ?
		    SPAN_LIT("anonymous") : SPAN_LIT("simple"));
	else if (tag >= 0x89 && tag <= 0x8b)	/* [MS-ADTS] 5.1.1.1.3 */
		event_add_str(d->batch, FIELD_LDAP_MECHANISM,
		    SPAN_LIT("sicily"));
	return true;
}

static bool
add_search(struct dec *d, struct cursor *c)
{
	static const char *const scopes[] = { "base", "one", "sub",
	    "children" };
	struct cursor in, filter;
	struct text t = { .n = 0 };
	uint8_t scope, tag;

	add_text(d->batch, FIELD_LDAP_NAME, der_enter(c, DER_OCTETSTRING));
	in = der_any(c, &tag);
	scope = cur_u8(&in);
	if (cur_ok(&in) && scope < NITEMS(scopes))
		event_add_str(d->batch, FIELD_LDAP_SCOPE,
		    span_str(scopes[scope]));
	for (unsigned i = 0; i < 4; i++)	/* deref to typesOnly */
		der_skip(c);
	filter = *c;
	der_skip(c);
	if (!cur_ok(c))
		return false;
	filter = cur_sub(&filter, filter.left - c->left);
	if (event_wants(d->batch, FIELD_LDAP_FILTER)) {
		if (!put_filter(&t, filter))
			dec_weird(d, WEIRD_LDAP_BAD);
		if (t.cut)
			dec_weird(d, WEIRD_LDAP_LIMIT);
		event_add_copy(d->batch, FIELD_LDAP_FILTER,
		    span_of(t.b, t.n));
	}
	in = der_enter(c, DER_SEQUENCE);
	if (!cur_ok(&in))
		return false;
	add_attributes(d, in);
	return true;
}

static bool
add_request(struct dec *d, uint8_t op, struct cursor c)
{
	switch (op) {
	case OP_BIND:
		return add_bind(d, &c);
	case OP_SEARCH:
		return add_search(d, &c);
	case OP_DELETE:			/* [APPLICATION 10] is the name */
		add_text(d->batch, FIELD_LDAP_NAME, c);
		return true;
	case OP_EXTENDED:
		add_text(d->batch, FIELD_LDAP_NAME, der_enter(&c, 0x80));
		return cur_ok(&c);
	default:
		add_text(d->batch, FIELD_LDAP_NAME,
		    der_enter(&c, DER_OCTETSTRING));
		return cur_ok(&c);
	}
}

static void
tell(struct dec *d, const struct pending *q,
    const struct answer *a)
{
	struct batch *b = d->batch;
	bool ok;

	if (!dec_event(d, KIND_LDAP, q->time, q->record, q->offset))
		return;
	event_add_str(b, FIELD_LDAP_OPERATION, span_str(op_of(q->op)->name));
	ok = add_request(d, q->op, cur_of(span_of(q->body, q->len)));
	if (a != NULL && a->has_code) {
		event_add_u64(b, FIELD_LDAP_CODE, (uint64_t)a->code);
		if (result_name(a->code) != NULL)
			event_add_str(b, FIELD_LDAP_RESULT,
			    span_str(result_name(a->code)));
		if (a->text.len != 0)
			event_add_copy(b, FIELD_LDAP_MESSAGE, a->text);
	}
	if (q->op == OP_SEARCH)
		event_add_u64(b, FIELD_LDAP_ENTRIES, q->entries);
	event_end(b);
	if (!ok)
		dec_weird(d, WEIRD_LDAP_BAD);
}

/* The sign-in that a bind carries (SASL or [MS-ADTS] 5.1.1.1.3). */
static void
tell_ntlm(struct dec *d, const struct ldap *s, const struct pending *q,
    const struct answer *a)
{
	struct ntlm n = { .seen = false };
	bool known = a != NULL && a->has_code, ok = known && a->code == 0;

	if (ntlm_read(d, span_of(q->body, q->len), NTLM_AUTHENTICATE, &n))
		ntlm_tell(d, &n, &s->server, q->time, q->record, q->offset,
		    known ? &ok : NULL);
	ntlm_drop(d, &n);
}

/* Tells the request at *at and forgets it. */
static void
tell_at(struct dec *d, struct ldap *s, struct pending **at,
    const struct answer *a)
{
	struct pending *q = *at;

	tell(d, q, a);
	if (q->op == OP_BIND)
		tell_ntlm(d, s, q, a);
	*at = q->next;
	s->n--;
	dec_free(d, q, sizeof(*q) + q->len);
}

static void
ldap_close(struct dec *d, void *state)
{
	struct ldap *s = state;

	while (s->head != NULL)
		tell_at(d, s, &s->head, NULL);
	ntlm_drop(d, &s->server);
}

/* -- messages ------------------------------------------------------------ */

static void
request(struct dec *d, struct ldap *s, const struct seg *seg, int64_t id,
    uint8_t op, struct span body)
{
	struct pending *q, **tail = &s->head;

	if (s->n == PENDING_MAX) {
		dec_weird(d, WEIRD_LDAP_LIMIT);
		tell_at(d, s, &s->head, NULL);
	}
	q = dec_alloc(d, sizeof(*q) + body.len);
	if (q == NULL)
		return;
	q->time = seg->time;
	q->record = seg->record;
	q->offset = seg->offset;
	q->id = id;
	q->op = op;
	q->len = (uint32_t)body.len;
	if (body.len != 0)
		memcpy(q->body, body.ptr, body.len);
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = q;
	s->n++;
}

static bool
is_starttls(const struct pending *q)
{
	struct cursor c = cur_of(span_of(q->body, q->len)), oid;

	if (q->op != OP_EXTENDED)
		return false;
	oid = der_enter(&c, 0x80);
	return span_eq(cur_rest(&oid), STARTTLS);
}

static void
result(struct dec *d, struct ldap *s, int64_t id, uint8_t op, struct cursor c)
{
	struct pending **at = &s->head;
	struct answer a = { .code = 0 };
	struct cursor in;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	if (op == OP_ENTRY || op == OP_REFERENCE) {
		(*at)->entries += op == OP_ENTRY;
		return;
	}
	if (op_of(op) == NULL)
		return;
	if (op == OP_BIND_RES)
		(void)ntlm_read(d, cur_rest(&c), NTLM_CHALLENGE, &s->server);
	in = der_enter(&c, 0x0a);
	if (cur_ok(&in) && in.left == 1) {
		a.has_code = true;
		a.code = cur_u8(&in);
	}
	der_skip(&c);
	in = der_enter(&c, DER_OCTETSTRING);
	if (cur_ok(&in))
		a.text = cur_rest(&in);
	if (is_starttls(*at) && a.has_code && a.code == 0)
		d->action = DEC_HANDOVER;
	tell_at(d, s, at, &a);
}

/* One message, of which only the head need be there; false: broken. */
static bool
message(struct dec *d, struct ldap *s, const struct seg *seg, struct span msg,
    bool whole)
{
	struct cursor c = cur_of(msg), in;
	uint8_t op, len;
	int64_t id;

	cur_skip(&c, 1);
	len = cur_u8(&c);
	cur_skip(&c, len < 0x80 ? 0 : len & 0x7f);
	id = der_int(&c);
	op = cur_peek(&c, 0);
	if (!cur_ok(&c) || id < 0)
		return false;
	if (!whole) {
		if (op == OP_ENTRY || op == OP_REFERENCE)
			result(d, s, id, op, c);
		else
			dec_weird(d, WEIRD_LDAP_LIMIT);
		return true;
	}
	in = der_any(&c, &op);
	if (!cur_ok(&in))
		return false;
	if (op_of(op) != NULL && op_of(op)->request == op) {
		if (in.left > REQUEST_MAX)
			dec_weird(d, WEIRD_LDAP_LIMIT);
		else
			request(d, s, seg, id, op, cur_rest(&in));
	} else if (op != OP_UNBIND && op != OP_ABANDON) {
		result(d, s, id, op, in);
	}
	return true;
}

#define HEAD_MAX 24u	/* both headers and the id between, at their longest */

/*
 * The messages at the cursor; what is not there yet in full is needed, and what
 * is too large passed over.  false: broken.
 */
static bool
messages(struct dec *d, struct ldap *s, const struct seg *seg,
    struct cursor *c)
{
	while (d->action == DEC_GO && c->left != 0 &&
	    cur_peek(c, 0) == DER_SEQUENCE) {
		size_t total = der_total(cur_rest(c));
		bool large = total != SPAN_NPOS && total > RESULT_MAX;

		if (total == SPAN_NPOS)
			return false;
		if (total == 0 || (c->left < total &&
		    (!large || c->left < HEAD_MAX))) {
			d->need[seg->dir] = large ? HEAD_MAX : total;
			return true;
		}
		if (!message(d, s, seg, span_sub(cur_rest(c), 0, total),
		    c->left >= total)) {
			dec_weird(d, WEIRD_LDAP_BAD);
			return false;
		}
		if (total > c->left)
			d->skip[seg->dir] = total - c->left;
		cur_skip(c, MIN_OF(total, c->left));
	}
	return true;
}

/* The text of a token; false: it is sealed, or none that is known. */
static bool
unwrap(struct span token, struct span *text)
{
	struct cursor c = cur_of(token);
	uint16_t kind = cur_be16(&c), ec, rrc;
	uint8_t flags;

	if (kind == 0x0100) {
		cur_skip(&c, 14);
		*text = cur_rest(&c);
		return cur_ok(&c);
	}
	flags = cur_u8(&c);
	cur_skip(&c, 1);
	ec = cur_be16(&c);
	rrc = cur_be16(&c);
	cur_skip(&c, 8);
	if (!cur_ok(&c) || kind != 0x0504 || (flags & 2) != 0 || ec > c.left ||
	    (rrc != 0 && rrc != ec))
		return false;
	if (rrc != 0)
		cur_skip(&c, ec);
	*text = cur_rest(&c);
	if (rrc == 0)
		text->len -= ec;
	return true;
}

/* A buffer of SASL's; one that is too large is passed over, and so is what of a
 * message stands in the next one.  false: nothing more to see. */
static bool
wrapped(struct dec *d, struct ldap *s, const struct seg *seg,
    struct cursor *c)
{
	struct cursor head = *c, in;
	uint32_t n = cur_be32(&head);
	struct span text;

	if (!cur_ok(&head)) {
		d->need[seg->dir] = SASL_HEAD;
		return true;
	}
	if (n > RESULT_MAX) {
		dec_weird(d, WEIRD_LDAP_LIMIT);
		d->skip[seg->dir] = n - MIN_OF(head.left, (size_t)n);
		cur_skip(&head, MIN_OF(head.left, (size_t)n));
		*c = head;
		return true;
	}
	if (head.left < n) {
		d->need[seg->dir] = SASL_HEAD + n;
		return true;
	}
	*c = head;
	if (!unwrap(cur_take(c, n), &text))
		return false;
	in = cur_of(text);
	if (!messages(d, s, seg, &in))
		return false;
	d->need[seg->dir] = d->skip[seg->dir] = 0;	/* of the text */
	return true;
}

static size_t
ldap_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct ldap *s = state;
	struct cursor c = cur_of(seg->data);
	size_t before;
	bool ok = true;

	d->need[seg->dir] = 0;
	if (seg->lost != 0 && s->started)
		d->action = DEC_DONE;
	s->started = true;
	do {
		before = c.left;
		ok = c.left == 0 || (cur_peek(&c, 0) != 0 ?
		    cur_peek(&c, 0) == DER_SEQUENCE &&
		    messages(d, s, seg, &c) : wrapped(d, s, seg, &c));
	} while (ok && d->action == DEC_GO && c.left != 0 && c.left != before);
	if (!ok)
		d->action = DEC_DONE;
	if (d->action == DEC_DONE) {
		ldap_close(d, s);
		return seg->data.len;
	}
	return seg->data.len - c.left;
}

/* RFC 1798, [MS-ADTS] 6.3.3: a message or some a datagram. */
static void
ldap_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct ldap *s = state;
	struct cursor c = cur_of(seg->data);

	while (c.left != 0) {
		size_t total = der_total(cur_rest(&c));

		if (total == 0 || total > c.left ||
		    cur_peek(&c, 0) != DER_SEQUENCE || !message(d, s, seg,
		    cur_take(&c, total), true)) {
			dec_weird(d, WEIRD_LDAP_BAD);
			return;
		}
	}
}

static const uint8_t ldap_kinds[] = { KIND_LDAP, KIND_NTLM, KIND_NONE };

const struct decoder decoder_ldap = {
	.name = "ldap",
	.title = "LDAPv3 over TCP and UDP",
	.doc = "Requests with their results: bind name and mechanism, search "
	    "base, scope, filter (RFC 4515) and attributes; StartTLS is "
	    "followed, and what SASL signs. Left: entries, passwords, what is "
	    "sealed. RFC 4511.",
	.kinds = ldap_kinds,
	.state_size = sizeof(struct ldap),
	.probe = ldap_probe,
	.stream = ldap_stream,
	.dgram = ldap_dgram,
	.close = ldap_close,
};
