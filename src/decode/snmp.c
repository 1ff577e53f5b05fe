/* SPDX-License-Identifier: Apache-2.0
 *
 * SNMP v1, v2c and v3 over UDP.
 *
 *	v1, v2c	SEQUENCE { version INTEGER (0, 1), community OCTET STRING,
 *		PDU }						RFC 1157 4
 *	v3	SEQUENCE { 3, SEQUENCE { id, maxSize, flags OCTET STRING (1),
 *		model }, securityParameters OCTET STRING,
 *		SEQUENCE { contextEngine, contextName, PDU } | sealed OCTET
 *		STRING }					RFC 3412 6
 *	USM	OCTET STRING { SEQUENCE { engine, boots, time, user, auth,
 *		priv } }					RFC 3414 2.4
 *	PDU	[0..8] { request-id, error-status, error-index,
 *		SEQUENCE OF SEQUENCE { OID, value } }		RFC 3416 3
 *	Trap	[4] { enterprise OID, agent [APPLICATION 0], generic,
 *		specific, time, bindings }			RFC 1157 4.1.6
 *
 * One event a message.  The community is told: in v1 and v2c everybody on the
 * path reads it, and a default one is what an audit looks for.
 *
 * Ownership: nothing is kept; fields point into the datagram.
 * Bounds: lengths by the DER reader (definite, 4 bytes at most), OIDS_MAX; the
 * bindings are walked once, a datagram bounds them.
 */
#include "codec.h"
#include "decode.h"

#define OIDS_MAX	32u	/* told; pollers ask for some ten at a time */

#define PDU_RESPONSE	0xa2
#define PDU_SET		0xa3
#define PDU_TRAP_V1	0xa4
#define PDU_LAST	0xa8
#define TAG_IPADDRESS	0x40
#define MODEL_USM	3

struct message {
	int64_t		version;	/* as on the wire */
	struct span	community, user, engine;
	uint8_t		flags;		/* v3: 1 auth, 2 priv, 4 reportable */
	uint8_t		pdu;		/* tag; 0: sealed or not understood */
	int64_t		id, error;
	struct span	enterprise, agent;
	struct span	oid[OIDS_MAX];
	unsigned	noids;
	bool		more;		/* oids than are told */
	struct span	descr, object, name;
};

/* -- reading ------------------------------------------------------------- */

/* 1.3.6.1.2.1.1.N.0, the system group of RFC 3418 */
static void
system_value(struct message *m, struct span oid, uint8_t tag, struct span value)
{
	static const uint8_t group[] = { 0x2b, 6, 1, 2, 1, 1 };

	if (oid.len != sizeof(group) + 2 || oid.ptr[7] != 0 ||
	    memcmp(oid.ptr, group, sizeof(group)) != 0)
		return;
	if (oid.ptr[6] == 1 && tag == DER_OCTETSTRING && m->descr.len == 0)
		m->descr = value;
	else if (oid.ptr[6] == 2 && tag == DER_OID && m->object.len == 0)
		m->object = value;
	else if (oid.ptr[6] == 5 && tag == DER_OCTETSTRING && m->name.len == 0)
		m->name = value;
}

static bool
read_bindings(struct message *m, struct cursor list)
{
	while (cur_ok(&list) && list.left != 0) {
		struct cursor one = der_enter(&list, DER_SEQUENCE);
		struct cursor name = der_enter(&one, DER_OID);
		struct span oid = cur_rest(&name);
		struct cursor value;
		uint8_t tag;

		value = der_any(&one, &tag);
		if (!cur_ok(&value))
			return false;
		if (m->noids < OIDS_MAX)
			m->oid[m->noids++] = oid;
		else
			m->more = true;
		system_value(m, oid, tag, cur_rest(&value));
	}
	return cur_ok(&list);
}

static bool
read_pdu(struct message *m, struct cursor *in)
{
	struct cursor c = der_any(in, &m->pdu), bindings, part;

	if (!cur_ok(&c) || m->pdu < DER_CTX(0) || m->pdu > PDU_LAST)
		return false;
	if (m->pdu == PDU_TRAP_V1) {
		part = der_enter(&c, DER_OID);
		m->enterprise = cur_rest(&part);
		part = der_enter(&c, TAG_IPADDRESS);
		m->agent = cur_rest(&part);
		(void)der_int(&c);
		(void)der_int(&c);
		der_skip(&c);
	} else {
		m->id = der_int(&c);
		m->error = der_int(&c);
		(void)der_int(&c);
	}
	bindings = der_enter(&c, DER_SEQUENCE);
	return cur_ok(&c) && read_bindings(m, bindings);
}

static bool
read_v3(struct message *m, struct cursor *in)
{
	struct cursor head = der_enter(in, DER_SEQUENCE), c, usm;
	int64_t model;

	(void)der_int(&head);
	(void)der_int(&head);
	c = der_enter(&head, DER_OCTETSTRING);
	m->flags = cur_u8(&c);
	model = der_int(&head);
	c = der_enter(in, DER_OCTETSTRING);
	if (!cur_ok(&head) || !cur_ok(&c))
		return false;
	if (model != MODEL_USM)
		return true;
	c = der_enter(&c, DER_SEQUENCE);
	usm = der_enter(&c, DER_OCTETSTRING);
	m->engine = cur_rest(&usm);
	(void)der_int(&c);
	(void)der_int(&c);
	usm = der_enter(&c, DER_OCTETSTRING);
	m->user = cur_rest(&usm);
	if (!cur_ok(&c))
		return false;
	if ((m->flags & 2) != 0)
		return true;		/* sealed */
	c = der_enter(in, DER_SEQUENCE);
	der_skip(&c);
	der_skip(&c);
	return cur_ok(&c) && read_pdu(m, &c);
}

static bool
read_message(struct message *m, struct span data)
{
	struct cursor c = cur_of(data), in = der_enter(&c, DER_SEQUENCE), part;

	m->version = der_int(&in);
	if (m->version == 3)
		return cur_ok(&in) && read_v3(m, &in);
	part = der_enter(&in, DER_OCTETSTRING);
	m->community = cur_rest(&part);
	return cur_ok(&in) && read_pdu(m, &in);
}

/* -- telling ------------------------------------------------------------- */

static const char *
pdu_name(uint8_t tag)
{
	static const char *const names[] = {	/* Suricata's */
		"get_request", "get_next_request", "response", "set_request",
		"trap_v1", "get_bulk_request", "inform_request", "trap_v2",
		"report",
	};

	return names[tag & 15];
}

static const char *
error_name(int64_t code)
{
	static const char *const names[] = {	/* RFC 3416 3 */
		"noError", "tooBig", "noSuchName", "badValue", "readOnly",
		"genErr", "noAccess", "wrongType", "wrongLength",
		"wrongEncoding", "wrongValue", "noCreation",
		"inconsistentValue", "resourceUnavailable", "commitFailed",
		"undoFailed", "authorizationError", "notWritable",
		"inconsistentName",
	};

	return code >= 0 && code < (int64_t)NITEMS(names) ? names[code] :
	    "other";
}

static struct span
oid_text(struct dec *d, struct span oid)
{
	struct dec_text t;
	struct buf *b = dec_text_init(&t);

	der_oid_put(b, oid);
	return arena_copy(&d->batch->arena, buf_view(b));
}

static void
add_oid(struct dec *d, unsigned field, struct span oid)
{
	if (oid.len != 0 && event_wants(d->batch, field))
		event_add_str(d->batch, field, oid_text(d, oid));
}

static void
add_text(struct dec *d, unsigned field, struct span s)
{
	if (s.len != 0)
		event_add_str(d->batch, field, s);
}

static void
add_oids(struct dec *d, const struct message *m)
{
	struct value *v;

	if (m->more)
		dec_weird(d, WEIRD_SNMP_LIMIT);
	if (m->noids == 0 || !event_wants(d->batch, FIELD_SNMP_OIDS) ||
	    (v = event_add_list(d->batch, FIELD_SNMP_OIDS, m->noids)) == NULL)
		return;
	for (unsigned i = 0; i < m->noids; i++) {
		struct span s = oid_text(d, m->oid[i]);

		v[i] = (struct value){ .type = VT_STR, .ptr = s.ptr,
		    .len = (uint32_t)s.len };
	}
}

static void
add_v3(struct dec *d, const struct message *m)
{
	static const char *const level[] = { "noAuthNoPriv", "authNoPriv",
	    "privNoAuth", "authPriv" };
	struct value *v;

	event_add_str(d->batch, FIELD_SNMP_SECURITY,
	    span_str(level[m->flags & 3]));
	add_text(d, FIELD_SNMP_USER, m->user);
	if (m->engine.len == 0 || !event_wants(d->batch, FIELD_SNMP_ENGINE) ||
	    (v = event_add(d->batch, FIELD_SNMP_ENGINE, VT_BIN)) == NULL)
		return;
	v->ptr = m->engine.ptr;
	v->len = (uint32_t)m->engine.len;
}

static void
add_pdu(struct dec *d, const struct message *m)
{
	struct batch *b = d->batch;

	event_add_str(b, FIELD_SNMP_PDU, span_str(pdu_name(m->pdu)));
	if (m->pdu != PDU_TRAP_V1)
		event_add_u64(b, FIELD_SNMP_REQUEST_ID, (uint32_t)m->id);
	if (m->pdu == PDU_RESPONSE)
		event_add_str(b, FIELD_SNMP_ERROR,
		    span_str(error_name(m->error)));
	add_oids(d, m);
	add_oid(d, FIELD_SNMP_ENTERPRISE, m->enterprise);
	if (m->agent.len == 4) {
		struct addr a = addr_v4(m->agent.ptr);

		event_add_addr_copy(b, FIELD_SNMP_AGENT, &a);
	}
	if (m->pdu == PDU_SET)	/* not what it is, but shall be */
		return;
	add_text(d, FIELD_SNMP_SYS_DESCR, m->descr);
	add_oid(d, FIELD_SNMP_SYS_OBJECT, m->object);
	add_text(d, FIELD_SNMP_SYS_NAME, m->name);
}

static void
snmp_dgram(struct dec *d, void *state, const struct seg *seg)
{
	struct message m = { .pdu = 0 };
	bool whole = read_message(&m, seg->data);

	(void)state;
	if (!whole)
		dec_weird(d, WEIRD_SNMP_BAD);
	if (m.version != 0 && m.version != 1 && m.version != 3)
		return;
	if (!whole && m.community.len == 0 && m.user.len == 0)
		return;
	if (!dec_event(d, KIND_SNMP, seg->time, seg->record, seg->offset))
		return;
	event_add_str(d->batch, FIELD_SNMP_VERSION, m.version == 0 ?
	    SPAN_LIT("1") : m.version == 1 ? SPAN_LIT("2c") : SPAN_LIT("3"));
	if (m.version == 3)
		add_v3(d, &m);
	else
		event_add_str(d->batch, FIELD_SNMP_COMMUNITY, m.community);
	if (m.pdu >= DER_CTX(0) && m.pdu <= PDU_LAST)
		add_pdu(d, &m);
	event_end(d->batch);
}

/* SEQUENCE as long as the datagram, a version that there is, and what follows
 * it there. */
static enum probe_result
snmp_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data), in;
	int64_t version;

	if (!p->is_udp || der_total(p->data) != p->data.len)
		return PROBE_NO;
	in = der_enter(&c, DER_SEQUENCE);
	version = der_int(&in);
	if (!cur_ok(&in) || in.left < 2)
		return PROBE_NO;
	if (version == 3)
		return cur_peek(&in, 0) == DER_SEQUENCE ? PROBE_YES : PROBE_NO;
	if (version != 0 && version != 1)
		return PROBE_NO;
	(void)der_enter(&in, DER_OCTETSTRING);
	if (!cur_ok(&in) || cur_peek(&in, 0) < DER_CTX(0) ||
	    cur_peek(&in, 0) > PDU_LAST)
		return PROBE_NO;
	/* a manager at a fixed port may be answered first in a capture */
	return cur_peek(&in, 0) == PDU_RESPONSE && p->sport == 161 ?
	    PROBE_SWAP : PROBE_YES;
}

static const uint8_t snmp_kinds[] = { KIND_SNMP, KIND_NONE };

const struct decoder decoder_snmp = {
	.name = "snmp",
	.title = "SNMP v1, v2c and v3",
	.doc = "Each message: version, community, operation, object ids, "
	    "error, system description, name and object id; of v3 user, "
	    "engine and level. Left: other values, what is sealed, TCP. "
	    "RFC 1157, 3412, 3414, 3416.",
	.kinds = snmp_kinds,
	.probe = snmp_probe,
	.dgram = snmp_dgram,
};
