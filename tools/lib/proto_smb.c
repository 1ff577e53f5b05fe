/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto_smb: SMB2 requests and replies with NTLMSSP in SPNEGO; see proto.h.
 *
 *   direct TCP (MS-SMB2 2.1): 00, length u24 big endian
 *   header (MS-SMB2 2.2.1.2): FE 'S' 'M' 'B', 64 u16, credit charge u16,
 *       status u32, command u16, credits u16, flags u32, next u32,
 *       message id u64, process id u32, tree id u32, session id u64, sig 16
 */
#include <string.h>

#include "proto.h"

enum command {
	C_NEGOTIATE = 0, C_SETUP = 1, C_LOGOFF = 2, C_TREE = 3,
	C_TREE_OFF = 4, C_CREATE = 5, C_CLOSE = 6, C_READ = 8
};

#define HEADER_LEN	64
#define FILE_TIME	132900000000000000u	/* some day of 2022 */
#define NTLM_FLAGS	0xe2888215u

static const char oid_spnego[] = "1.3.6.1.5.5.2";
static const char oid_ntlm[] = "1.3.6.1.4.1.311.2.2.10";

static size_t
begin_packet(const struct smb *s, struct buf *b, enum command command,
    enum smb_status status, int reply)
{
	size_t frame;

	buf_u8(b, 0);
	frame = buf_hole(b, 3);
	buf_put(b, "\xfeSMB", 4);
	buf_le16(b, HEADER_LEN);
	buf_le16(b, command == C_NEGOTIATE ? 0 : 1);
	buf_le32(b, (uint32_t)status);
	buf_le16(b, command);
	buf_le16(b, reply ? 1 : 33);
	buf_le32(b, reply ? 1 : 0);
	buf_le32(b, 0);
	buf_le64(b, s->message_id);
	buf_le32(b, s->process_id);
	buf_le32(b, s->tree_id);
	buf_le64(b, s->session_id);
	buf_zero(b, 16);
	return frame;
}

static void
error_body(struct buf *b)
{
	buf_le16(b, 9);
	buf_zero(b, 7);
}

static void
end_pair(struct smb *s, struct buf *request, size_t q, struct buf *reply,
    size_t a)
{
	buf_fill(request, q, 3);
	buf_fill(reply, a, 3);
	s->message_id++;
}

/* SPNEGO NegTokenInit (RFC 4178 4.2.1); no token for the server's hint */
static void
spnego_init(struct buf *b, const struct buf *token)
{
	size_t app = der_begin(b), choice, seq, field, list;

	der_oid(b, oid_spnego);
	choice = der_begin(b);
	seq = der_begin(b);
	field = der_begin(b);
	list = der_begin(b);
	der_oid(b, oid_ntlm);
	der_end(b, list, 0x30);
	der_end(b, field, 0xa0);
	if (token != NULL) {
		field = der_begin(b);
		buf_cat(b, token);
		der_end(b, field, 0x04);
		der_end(b, field, 0xa2);
	}
	der_end(b, seq, 0x30);
	der_end(b, choice, 0xa0);
	der_end(b, app, 0x60);
}

/* NegTokenResp (RFC 4178 4.2.2); state -1 leaves it out */
static void
spnego_reply(struct buf *b, int state, const struct buf *token)
{
	size_t choice = der_begin(b), seq = der_begin(b), field;

	if (state >= 0) {
		field = der_begin(b);
		buf_put(b, "\x0a\x01", 2);
		buf_u8(b, (unsigned)state);
		der_end(b, field, 0xa0);
	}
	if (state == 1) {
		field = der_begin(b);
		der_oid(b, oid_ntlm);
		der_end(b, field, 0xa1);
	}
	if (token != NULL) {
		field = der_begin(b);
		buf_cat(b, token);
		der_end(b, field, 0x04);
		der_end(b, field, 0xa2);
	}
	der_end(b, seq, 0x30);
	der_end(b, choice, 0xa1);
}

void
ntlm_negotiate(struct buf *b)
{
	buf_put(b, "NTLMSSP", 8);
	buf_le32(b, 1);
	buf_le32(b, NTLM_FLAGS);
	buf_zero(b, 16);
	buf_put(b, "\x0a\x00\x61\x4a\x00\x00\x00\x0f", 8);
}

static void
av_pair(struct buf *b, unsigned id, const char *text)
{
	buf_le16(b, id);
	buf_le16(b, (uint32_t)strlen(text) * 2);
	buf_utf16(b, text);
}

static void
target_info(struct buf *b, const char *server, const char *domain)
{
	av_pair(b, 2, domain);
	av_pair(b, 1, server);
	av_pair(b, 4, "corp.example");
	buf_le16(b, 7);
	buf_le16(b, 8);
	buf_le64(b, FILE_TIME);
	buf_le32(b, 0);
}

/* len, max len, offset of one payload field */
static void
ntlm_field(struct buf *b, size_t len, size_t offset)
{
	buf_le16(b, (uint32_t)len);
	buf_le16(b, (uint32_t)len);
	buf_le32(b, (uint32_t)offset);
}

void
ntlm_challenge(struct buf *b, struct rng *r, const char *server,
    const char *domain)
{
	struct buf info = { 0 };
	size_t name = strlen(domain) * 2;

	target_info(&info, server, domain);
	buf_put(b, "NTLMSSP", 8);
	buf_le32(b, 2);
	ntlm_field(b, name, 56);
	buf_le32(b, NTLM_FLAGS);
	buf_rand(b, r, 8);
	buf_zero(b, 8);
	ntlm_field(b, info.len, 56 + name);
	buf_put(b, "\x0a\x00\x63\x45\x00\x00\x00\x0f", 8);
	buf_utf16(b, domain);
	buf_cat(b, &info);
	buf_free(&info);
}

void
ntlm_authenticate(struct buf *b, struct rng *r, const char *domain,
    const char *user, const char *workstation)
{
	struct buf nt = { 0 };
	size_t at = 88;

	buf_rand(&nt, r, 16);
	buf_put(&nt, "\x01\x01\0\0\0\0\0\0", 8);
	buf_le64(&nt, FILE_TIME);
	buf_rand(&nt, r, 8);
	buf_le32(&nt, 0);
	target_info(&nt, "SERVER", domain);
	buf_le32(&nt, 0);
	buf_put(b, "NTLMSSP", 8);
	buf_le32(b, 3);
	at += (strlen(domain) + strlen(user) + strlen(workstation)) * 2;
	ntlm_field(b, 24, at);
	ntlm_field(b, nt.len, at + 24);
	at = 88;
	ntlm_field(b, strlen(domain) * 2, at);
	at += strlen(domain) * 2;
	ntlm_field(b, strlen(user) * 2, at);
	at += strlen(user) * 2;
	ntlm_field(b, strlen(workstation) * 2, at);
	at += strlen(workstation) * 2;
	ntlm_field(b, 16, at + 24 + nt.len);
	buf_le32(b, NTLM_FLAGS);
	buf_put(b, "\x0a\x00\x61\x4a\x00\x00\x00\x0f", 8);
	buf_rand(b, r, 16);
	buf_utf16(b, domain);
	buf_utf16(b, user);
	buf_utf16(b, workstation);
	buf_zero(b, 24);
	buf_cat(b, &nt);
	buf_rand(b, r, 16);
	buf_free(&nt);
}

void
smb_negotiate(struct smb *s, struct buf *request, struct buf *reply)
{
	static const uint16_t dialects[] = { 0x0202, 0x0210, 0x0300, 0x0302 };
	struct buf token = { 0 };
	size_t q, a, i;

	q = begin_packet(s, request, C_NEGOTIATE, SMB_OK, 0);
	buf_le16(request, 36);
	buf_le16(request, 4);
	buf_le16(request, 1);
	buf_le16(request, 0);
	buf_le32(request, 0x7f);
	buf_rand(request, s->rng, 16);
	buf_le64(request, 0);
	for (i = 0; i < 4; i++)
		buf_le16(request, dialects[i]);
	a = begin_packet(s, reply, C_NEGOTIATE, SMB_OK, 1);
	spnego_init(&token, NULL);
	buf_le16(reply, 65);
	buf_le16(reply, 1);
	buf_le16(reply, 0x0302);
	buf_le16(reply, 0);
	buf_rand(reply, s->rng, 16);
	buf_le32(reply, 0x2f);
	for (i = 0; i < 3; i++)
		buf_le32(reply, 1048576);
	buf_le64(reply, FILE_TIME);
	buf_le64(reply, 0);
	buf_le16(reply, HEADER_LEN + 64);
	buf_le16(reply, (uint32_t)token.len);
	buf_le32(reply, 0);
	buf_cat(reply, &token);
	end_pair(s, request, q, reply, a);
	buf_free(&token);
}

static void
setup_pair(struct smb *s, struct buf *request, struct buf *reply,
    const struct buf *ask, const struct buf *answer, enum smb_status status)
{
	uint64_t id = s->session_id;
	size_t q, a;

	if (status == SMB_MORE)
		s->session_id = 0;
	q = begin_packet(s, request, C_SETUP, SMB_OK, 0);
	s->session_id = id;
	buf_le16(request, 25);
	buf_u8(request, 0);
	buf_u8(request, 1);
	buf_le32(request, 1);
	buf_le32(request, 0);
	buf_le16(request, HEADER_LEN + 24);
	buf_le16(request, (uint32_t)ask->len);
	buf_le64(request, 0);
	buf_cat(request, ask);
	a = begin_packet(s, reply, C_SETUP, status, 1);
	buf_le16(reply, 9);
	buf_le16(reply, 0);
	buf_le16(reply, HEADER_LEN + 8);
	buf_le16(reply, (uint32_t)answer->len);
	buf_cat(reply, answer);
	end_pair(s, request, q, reply, a);
}

void
smb_setup1(struct smb *s, struct buf *request, struct buf *reply,
    const char *server, const char *domain)
{
	struct buf inner = { 0 }, ask = { 0 }, answer = { 0 };

	s->session_id = (uint64_t)0x400 << 32 | (rng_next(s->rng) >> 40) << 2;
	ntlm_negotiate(&inner);
	spnego_init(&ask, &inner);
	inner.len = 0;
	ntlm_challenge(&inner, s->rng, server, domain);
	spnego_reply(&answer, 1, &inner);
	setup_pair(s, request, reply, &ask, &answer, SMB_MORE);
	buf_free(&inner);
	buf_free(&ask);
	buf_free(&answer);
}

void
smb_setup2(struct smb *s, struct buf *request, struct buf *reply,
    const char *domain, const char *user, const char *workstation)
{
	struct buf inner = { 0 }, ask = { 0 }, answer = { 0 };

	ntlm_authenticate(&inner, s->rng, domain, user, workstation);
	spnego_reply(&ask, -1, &inner);
	spnego_reply(&answer, 0, NULL);
	setup_pair(s, request, reply, &ask, &answer, SMB_OK);
	buf_free(&inner);
	buf_free(&ask);
	buf_free(&answer);
}

void
smb_tree(struct smb *s, struct buf *request, struct buf *reply,
    const char *path, enum smb_status status)
{
	int ipc = strstr(path, "IPC$") != NULL;
	size_t q, a;

	s->tree_id = 0;
	q = begin_packet(s, request, C_TREE, SMB_OK, 0);
	buf_le16(request, 9);
	buf_le16(request, 0);
	buf_le16(request, HEADER_LEN + 8);
	buf_le16(request, (uint32_t)strlen(path) * 2);
	buf_utf16(request, path);
	if (status == SMB_OK)
		s->tree_id = 1 + 4 * rng_below(s->rng, 32);
	a = begin_packet(s, reply, C_TREE, status, 1);
	if (status != SMB_OK) {
		error_body(reply);
	} else {
		buf_le16(reply, 16);
		buf_u8(reply, ipc ? 2 : 1);
		buf_u8(reply, 0);
		buf_le32(reply, ipc ? 0x30 : 0);
		buf_le32(reply, 0);
		buf_le32(reply, 0x001f01ff);
	}
	end_pair(s, request, q, reply, a);
}

static void
file_id(const struct smb *s, struct buf *b)
{
	buf_le64(b, 0x0000000c00000000u | s->tree_id);
	buf_le64(b, 0x0000000c0000003du);
}

static void
four_times(struct buf *b)
{
	unsigned i;

	for (i = 0; i < 4; i++)
		buf_le64(b, FILE_TIME);
}

void
smb_create(struct smb *s, struct buf *request, struct buf *reply,
    const char *name, uint32_t size, enum smb_status status)
{
	size_t q, a;

	q = begin_packet(s, request, C_CREATE, SMB_OK, 0);
	buf_le16(request, 57);
	buf_le16(request, 0);
	buf_le32(request, 2);
	buf_zero(request, 16);
	buf_le32(request, 0x00120089);		/* read */
	buf_le32(request, 0);
	buf_le32(request, 7);
	buf_le32(request, 1);			/* open */
	buf_le32(request, 0x40);
	buf_le16(request, HEADER_LEN + 56);
	buf_le16(request, (uint32_t)strlen(name) * 2);
	buf_le64(request, 0);
	buf_utf16(request, name);
	a = begin_packet(s, reply, C_CREATE, status, 1);
	if (status != SMB_OK) {
		error_body(reply);
	} else {
		buf_le16(reply, 89);
		buf_le16(reply, 0);
		buf_le32(reply, 1);
		four_times(reply);
		buf_le64(reply, (size + 4095) & ~4095u);
		buf_le64(reply, size);
		buf_le32(reply, 0x20);
		buf_le32(reply, 0);
		file_id(s, reply);
		buf_le64(reply, 0);
	}
	end_pair(s, request, q, reply, a);
}

void
smb_read(struct smb *s, struct buf *request, struct buf *reply,
    const char *text)
{
	size_t q, a, len = strlen(text);

	q = begin_packet(s, request, C_READ, SMB_OK, 0);
	buf_le16(request, 49);
	buf_u8(request, 0x50);
	buf_u8(request, 0);
	buf_le32(request, 65536);
	buf_le64(request, 0);
	file_id(s, request);
	buf_zero(request, 17);
	a = begin_packet(s, reply, C_READ, SMB_OK, 1);
	buf_le16(reply, 17);
	buf_u8(reply, HEADER_LEN + 16);
	buf_u8(reply, 0);
	buf_le32(reply, (uint32_t)len);
	buf_le64(reply, 0);
	buf_str(reply, text);
	end_pair(s, request, q, reply, a);
}

void
smb_close(struct smb *s, struct buf *request, struct buf *reply,
    uint32_t size)
{
	size_t q, a;

	q = begin_packet(s, request, C_CLOSE, SMB_OK, 0);
	buf_le16(request, 24);
	buf_le16(request, 1);
	buf_le32(request, 0);
	file_id(s, request);
	a = begin_packet(s, reply, C_CLOSE, SMB_OK, 1);
	buf_le16(reply, 60);
	buf_le16(reply, 1);
	buf_le32(reply, 0);
	four_times(reply);
	buf_le64(reply, (size + 4095) & ~4095u);
	buf_le64(reply, size);
	buf_le32(reply, 0x20);
	end_pair(s, request, q, reply, a);
}

static void
short_pair(struct smb *s, struct buf *request, struct buf *reply,
    enum command command)
{
	size_t q, a;

	q = begin_packet(s, request, command, SMB_OK, 0);
	buf_le32(request, 4);
	a = begin_packet(s, reply, command, SMB_OK, 1);
	buf_le32(reply, 4);
	end_pair(s, request, q, reply, a);
}

void
smb_tree_off(struct smb *s, struct buf *request, struct buf *reply)
{
	short_pair(s, request, reply, C_TREE_OFF);
	s->tree_id = 0;
}

void
smb_log_off(struct smb *s, struct buf *request, struct buf *reply)
{
	s->tree_id = 0;
	short_pair(s, request, reply, C_LOGOFF);
}
