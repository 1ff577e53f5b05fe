/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proto: builds messages of TLS 1.2/1.3, Kerberos 5, SMB2 with NTLMSSP,
 * LDAP, DNS and SSH into buffers.  Right in shape, empty in content: keys,
 * ciphertexts and signatures are numbers of the fixed-seed generator.
 *
 * Owner: the caller owns every buffer; all functions append.
 */
#ifndef PICKET_TOOLS_PROTO_H
#define PICKET_TOOLS_PROTO_H

#include "buf.h"

/* ---- TLS (RFC 5246, RFC 8446) ---- */

/* one record around what part holds; part is emptied */
void tls_record(struct buf *, unsigned type, unsigned version,
    struct buf *part);
/* record of application data with len octets of ciphertext */
void tls_opaque(struct buf *, struct rng *, unsigned type, size_t len);
/* change cipher spec and an encrypted Finished of len octets */
void tls_finished(struct buf *, struct rng *, size_t len);
/* what a browser of 2022 sends; TLS 1.3 offered only if tls13 */
void tls_hello_browser(struct buf *, struct rng *, const char *sni,
    int tls13);
void tls_server_hello13(struct buf *, struct rng *);
/* ServerHello c02b, Certificate, ServerKeyExchange x25519, Done */
void tls_server_flight12(struct buf *, struct rng *, const char *sni);
void tls_client_key12(struct buf *, struct rng *);

/* Secure Socket Funneling: tradecraft section 1.5 */
struct ssf_keys {
	struct buf prime;	/* 512 octets */
	struct buf leaf;	/* DER, used by both ends */
};
void ssf_keys_make(struct ssf_keys *, struct rng *);
void ssf_keys_free(struct ssf_keys *);
void ssf_client_hello(struct buf *, struct rng *);
void ssf_server_flight(struct buf *, struct rng *, const struct ssf_keys *);
void ssf_client_flight(struct buf *, struct rng *, const struct ssf_keys *);

/* ---- Kerberos 5 (RFC 4120) ---- */

struct krb_call {
	const char *realm;
	const char *client;	/* user name without realm */
	const char *spn;	/* "krbtgt/REALM", "MSSQLSvc/host:1433" */
	const int *offered;	/* etypes of the request, 0 ends */
	int ticket_etype;
	int reply_etype;
	uint32_t nonce;
};
/* with_preauth: PA-ENC-TIMESTAMP stands in it */
void krb_as_req(struct buf *, struct rng *, const struct krb_call *,
    int with_preauth);
void krb_preauth_required(struct buf *, const struct krb_call *,
    const char *now);
void krb_error(struct buf *, const struct krb_call *, const char *now,
    int code);
void krb_as_rep(struct buf *, struct rng *, const struct krb_call *);
void krb_tgs_req(struct buf *, struct rng *, const struct krb_call *);
void krb_tgs_rep(struct buf *, struct rng *, const struct krb_call *);
/* 4-octet length before the message, as over TCP */
void krb_over_tcp(struct buf *out, const struct buf *message);

/* ---- SMB2 (MS-SMB2) with NTLMSSP (MS-NLMP) ---- */

struct smb {
	struct rng *rng;
	uint64_t message_id;
	uint64_t session_id;
	uint32_t tree_id;
	uint32_t process_id;
};
enum smb_status {
	SMB_OK = 0,
	SMB_MORE = (int)0xc0000016,
	SMB_DENIED = (int)0xc0000022
};
void smb_negotiate(struct smb *, struct buf *request, struct buf *reply);
/* step 1 and 2 of the NTLM exchange */
void smb_setup1(struct smb *, struct buf *request, struct buf *reply,
    const char *server, const char *domain);
void smb_setup2(struct smb *, struct buf *request, struct buf *reply,
    const char *domain, const char *user, const char *workstation);
void smb_tree(struct smb *, struct buf *request, struct buf *reply,
    const char *path, enum smb_status);
void smb_create(struct smb *, struct buf *request, struct buf *reply,
    const char *name, uint32_t size, enum smb_status);
void smb_read(struct smb *, struct buf *request, struct buf *reply,
    const char *text);
void smb_close(struct smb *, struct buf *request, struct buf *reply,
    uint32_t size);
void smb_tree_off(struct smb *, struct buf *request, struct buf *reply);
void smb_log_off(struct smb *, struct buf *request, struct buf *reply);
/* the bare NTLMSSP messages; LDAP uses them too */
void ntlm_negotiate(struct buf *);
void ntlm_challenge(struct buf *, struct rng *, const char *server,
    const char *domain);
void ntlm_authenticate(struct buf *, struct rng *, const char *domain,
    const char *user, const char *workstation);

/* ---- LDAP (RFC 4511) ---- */

void ldap_bind(struct buf *, int id, const struct buf *token);
void ldap_bind_done(struct buf *, int id, int result,
    const struct buf *token);
/* filter (&(objectClass=VALUE1)(ATTRIBUTE=*)), subtree of base */
void ldap_search(struct buf *, int id, const char *base,
    const char *object_class, const char *present);
void ldap_entry(struct buf *, int id, const char *dn, const char *attribute,
    const char *value);
void ldap_search_done(struct buf *, int id);

/* ---- DNS (RFC 1035) ---- */

enum dns_type { DNS_A = 1, DNS_PTR = 12, DNS_SRV = 33 };
/* answer NULL: the query; "" : NXDOMAIN; else text of the one record */
void dns_message(struct buf *, uint16_t id, const char *name,
    enum dns_type type, const char *answer);

/* ---- SSH (RFC 4253) ---- */

void ssh_kexinit(struct buf *, struct rng *, int server);
/* message 30 or 31 with blobs of random octets */
void ssh_kex_ecdh(struct buf *, struct rng *, int reply);
void ssh_newkeys(struct buf *, struct rng *);

#endif
