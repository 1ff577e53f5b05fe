/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto_misc: LDAP (RFC 4511), DNS (RFC 1035, 2782) and SSH (RFC 4253)
 * messages; see proto.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

/* LDAPMessage { id, protocolOp }: the operation stands from op on */
static void
end_ldap(struct buf *b, size_t begin, size_t op, unsigned tag)
{
	der_end(b, op, tag);
	der_end(b, begin, 0x30);
}

void
ldap_bind(struct buf *b, int id, const struct buf *token)
{
	size_t all = der_begin(b), op, sasl, at;

	der_int(b, id);
	op = der_begin(b);
	der_int(b, 3);
	der_text(b, 0x04, "");
	sasl = der_begin(b);
	der_text(b, 0x04, "GSS-SPNEGO");
	at = der_begin(b);
	buf_cat(b, token);
	der_end(b, at, 0x04);
	der_end(b, sasl, 0xa3);
	end_ldap(b, all, op, 0x60);
}

static void
ldap_result(struct buf *b, int result)
{
	size_t at = der_begin(b);

	buf_u8(b, (unsigned)result);
	der_end(b, at, 0x0a);
	der_text(b, 0x04, "");
	der_text(b, 0x04, "");
}

void
ldap_bind_done(struct buf *b, int id, int result, const struct buf *token)
{
	size_t all = der_begin(b), op, at;

	der_int(b, id);
	op = der_begin(b);
	ldap_result(b, result);
	if (token != NULL) {
		at = der_begin(b);
		buf_cat(b, token);
		der_end(b, at, 0x87);
	}
	end_ldap(b, all, op, 0x61);
}

void
ldap_search(struct buf *b, int id, const char *base, const char *object_class,
    const char *present)
{
	size_t all = der_begin(b), op, filter, part;

	der_int(b, id);
	op = der_begin(b);
	der_text(b, 0x04, base);
	buf_put(b, "\x0a\x01\x02\x0a\x01\x00", 6);
	der_int(b, 1000);
	der_int(b, 120);
	buf_put(b, "\x01\x01\x00", 3);
	filter = der_begin(b);
	part = der_begin(b);
	der_text(b, 0x04, "objectClass");
	der_text(b, 0x04, object_class);
	der_end(b, part, 0xa3);
	der_text(b, 0x87, present);
	der_end(b, filter, 0xa0);
	part = der_begin(b);
	der_text(b, 0x04, "sAMAccountName");
	der_text(b, 0x04, present);
	der_end(b, part, 0x30);
	end_ldap(b, all, op, 0x63);
}

void
ldap_entry(struct buf *b, int id, const char *dn, const char *attribute,
    const char *value)
{
	size_t all = der_begin(b), op, list, one, set;

	der_int(b, id);
	op = der_begin(b);
	der_text(b, 0x04, dn);
	list = der_begin(b);
	one = der_begin(b);
	der_text(b, 0x04, attribute);
	set = der_begin(b);
	der_text(b, 0x04, value);
	der_end(b, set, 0x31);
	der_end(b, one, 0x30);
	der_end(b, list, 0x30);
	end_ldap(b, all, op, 0x64);
}

void
ldap_search_done(struct buf *b, int id)
{
	size_t all = der_begin(b), op;

	der_int(b, id);
	op = der_begin(b);
	ldap_result(b, 0);
	end_ldap(b, all, op, 0x65);
}

static void
dns_name(struct buf *b, const char *name)
{
	size_t len;

	for (;;) {
		len = strcspn(name, ".");
		buf_u8(b, (unsigned)len);
		buf_put(b, name, len);
		if (name[len] == '\0')
			break;
		name += len + 1;
	}
	buf_u8(b, 0);
}

static void
dns_answer(struct buf *b, enum dns_type type, const char *answer)
{
	size_t at;
	char *end;
	int i;

	buf_be16(b, 0xc00c);
	buf_be16(b, type);
	buf_be16(b, 1);
	buf_be32(b, 1200);
	at = buf_hole(b, 2);
	if (type == DNS_A) {
		for (i = 0; i < 4; i++) {
			buf_u8(b, (unsigned)strtoul(answer, &end, 10));
			answer = end + 1;
		}
	} else if (type == DNS_SRV) {
		buf_put(b, "\x00\x00\x00\x64", 4);
		buf_be16(b, (uint32_t)strtoul(answer, &end, 10));
		dns_name(b, end + 1);
	} else {
		dns_name(b, answer);
	}
	buf_fill(b, at, 2);
}

void
dns_message(struct buf *b, uint16_t id, const char *name, enum dns_type type,
    const char *answer)
{
	int found = answer != NULL && *answer != '\0';

	buf_be16(b, id);
	buf_be16(b, answer == NULL ? 0x0100 : found ? 0x8180 : 0x8183);
	buf_be16(b, 1);
	buf_be16(b, (uint32_t)found);
	buf_be32(b, 0);
	dns_name(b, name);
	buf_be16(b, type);
	buf_be16(b, 1);
	if (found)
		dns_answer(b, type, answer);
}

/* binary packet (RFC 4253 6) before encryption: pad to 8, at least 4 */
static void
ssh_packet(struct buf *out, struct rng *r, const struct buf *payload)
{
	size_t pad = 8 - (payload->len + 5) % 8;

	if (pad < 4)
		pad += 8;
	buf_be32(out, (uint32_t)(payload->len + pad + 1));
	buf_u8(out, (unsigned)pad);
	buf_cat(out, payload);
	buf_rand(out, r, pad);
}

static void
ssh_string(struct buf *b, const char *s)
{
	buf_be32(b, (uint32_t)strlen(s));
	buf_str(b, s);
}

void
ssh_kexinit(struct buf *out, struct rng *r, int server)
{
	static const char ciphers[] = "chacha20-poly1305@openssh.com,"
	    "aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,"
	    "aes256-gcm@openssh.com";
	static const char macs[] = "umac-64-etm@openssh.com,"
	    "umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,"
	    "hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,"
	    "umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,"
	    "hmac-sha2-512,hmac-sha1";
	struct buf b = { 0 };
	unsigned i;

	buf_u8(&b, 20);
	buf_rand(&b, r, 16);
	ssh_string(&b, server ? "curve25519-sha256,"
	    "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
	    "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
	    "diffie-hellman-group14-sha256" : "curve25519-sha256,"
	    "curve25519-sha256@libssh.org,ecdh-sha2-nistp256,"
	    "ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
	    "diffie-hellman-group14-sha256,ext-info-c");
	ssh_string(&b, server ? "rsa-sha2-512,rsa-sha2-256,ssh-rsa,"
	    "ecdsa-sha2-nistp256,ssh-ed25519" : "ssh-ed25519-cert-v01"
	    "@openssh.com,ssh-ed25519,rsa-sha2-512,rsa-sha2-256");
	for (i = 0; i < 2; i++)
		ssh_string(&b, ciphers);
	for (i = 0; i < 2; i++)
		ssh_string(&b, macs);
	for (i = 0; i < 2; i++)
		ssh_string(&b, server ? "none,zlib@openssh.com" :
		    "none,zlib@openssh.com,zlib");
	ssh_string(&b, "");
	ssh_string(&b, "");
	buf_u8(&b, 0);
	buf_be32(&b, 0);
	ssh_packet(out, r, &b);
	buf_free(&b);
}

void
ssh_kex_ecdh(struct buf *out, struct rng *r, int reply)
{
	struct buf b = { 0 };

	buf_u8(&b, reply ? 31 : 30);
	if (reply) {
		buf_be32(&b, 51);
		ssh_string(&b, "ssh-ed25519");
		buf_be32(&b, 32);
		buf_rand(&b, r, 32);
	}
	buf_be32(&b, 32);
	buf_rand(&b, r, 32);
	if (reply) {
		buf_be32(&b, 83);
		ssh_string(&b, "ssh-ed25519");
		buf_be32(&b, 64);
		buf_rand(&b, r, 64);
	}
	ssh_packet(out, r, &b);
	buf_free(&b);
}

void
ssh_newkeys(struct buf *out, struct rng *r)
{
	struct buf b = { 0 };

	buf_u8(&b, 21);
	ssh_packet(out, r, &b);
	buf_free(&b);
}
