/* SPDX-License-Identifier: Apache-2.0
 *
 * SMB 2 and 3 (MS-SMB2) over TCP, directly or in a NetBIOS session, and the
 * NTLM sign-in (MS-NLMP) that session setup carries.
 *
 *	NetBIOS (RFC 1002 4.3.1): type:1 (0 message, 0x81 request, 0x82 to
 *	0x84 answers, 0x85 keep alive), length:3 big endian
 *	message: ff 'SMB' SMB1 · fe 'SMB' SMB2 · fd 'SMB' encrypted ·
 *	fc 'SMB' compressed
 *
 *	SMB2 header (2.2.1), 64 bytes, little endian:
 *	 0 fe 'SMB'   4 size 64     6 credit charge    8 status
 *	12 command   14 credits    16 flags           20 next command
 *	24 message id 8            32 process id, 36 tree id (or async id 8)
 *	40 session id 8            48 signature 16
 *
 * Requests wait for their response by message id; an interim response
 * (STATUS_PENDING) leaves them waiting.  Tree and file ids are remembered with
 * their names; reads and writes are summed by file and told when it closes.
 * Commands are looked at one by one and only as far as something is read from
 * them: what follows is passed over, payload is never carried.
 *
 * Named pipes (files of a pipe share) carry DCE/RPC: what is written, read and
 * exchanged there (FSCTL_PIPE_TRANSCEIVE) goes to rpc.c up to COMMAND_MAX.
 *
 * Ownership: all state hangs off one dec_alloc'ed block and is given back by
 * close().  Bounds: the constants below.
 */
#include "codec.h"
#include "decode.h"

#define HEADER_LEN	64
#define COMMAND_MAX	32768	/* security buffers with large tickets */
#define REQUESTS_MAX	1024	/* servers grant some 512 credits */
#define TREES_MAX	256	/* shares of one connection */
#define SESSIONS_MAX	64	/* terminal servers: users of one connection */
#define FILES_MAX	1024	/* open at once; build servers hold hundreds */
#define NAME_MAX_U16	2048	/* bytes; Windows paths end at 32767 units but
				 * share paths of over 1000 do not occur */

#define FLAG_RESPONSE	0x00000001
#define FLAG_ASYNC	0x00000002
#define FLAG_RELATED	0x00000004

#define ST_OK		0u
#define ST_PENDING	0x00000103u
#define ST_OVERFLOW	0x80000005u	/* a read that has more */
#define ST_MORE		0xc0000016u	/* session setup goes on */

#define FSCTL_PIPE_TRANSCEIVE 0x0011c017u	/* MS-FSCC 2.3 */

#define SMB1_NEGOTIATE	0x72
#define SMB1_SETUP	0x73

enum command {
	C_NEGOTIATE, C_SETUP, C_LOGOFF, C_TREE_CONNECT, C_TREE_DISCONNECT,
	C_CREATE, C_CLOSE, C_FLUSH, C_READ, C_WRITE, C_LOCK, C_IOCTL
};

struct request {
	struct request	*next;
	int64_t		 time;
	uint64_t	 record, offset;
	uint64_t	 id, session;
	uint32_t	 tree;
	uint32_t	 disposition;
	uint16_t	 command;
	uint8_t		 file[16];
	struct span	 name;		/* file or share, kept */
	struct ntlm	 auth;
};

struct tree {
	struct tree	*next;
	uint64_t	 session;
	uint32_t	 id;
	struct span	 share;		/* kept */
	bool		 is_pipe;
};

struct session {
	struct session	*next;
	uint64_t	 id;
	struct ntlm	 ntlm;		/* server: from the challenge; user
					 * and domain: once signed in */
};

struct tally {
	uint64_t	bytes;
	int64_t		time;		/* of the first */
	uint64_t	record, offset;
	bool		any;
};

struct file {
	struct file	*next;
	uint64_t	 session;
	uint32_t	 tree;
	uint8_t		 id[16];
	struct span	 name;		/* kept; none: opened unseen */
	struct tally	 tally[2];	/* read, written */
	bool		 is_pipe;
	struct rpc	*rpc;		/* once something was written */
};

/* One direction of the byte stream. */
struct lane {
	uint32_t	pdu;		/* bytes left of the NetBIOS message */
	bool		lost;		/* looking for the next message */
	uint32_t	tree;		/* of the command before, for related */
	uint64_t	session;
};

struct smb {
	struct request	*requests;	/* oldest first */
	struct request	**tail;
	struct tree	*trees;		/* newest first, as the next two */
	struct session	*sessions;
	struct file	*files;
	unsigned	 nrequests, ntrees, nsessions, nfiles;
	unsigned	 npipes;	/* of the files */
	struct lane	 lane[2];
	uint8_t		 last_file[16];	/* made by the last create */
	bool		 told_encrypted;
};

struct smb_state {
	struct smb	*s;
};

/* One command and where it stands. */
struct cmd {
	struct dec		*d;
	struct smb		*s;
	const struct seg	*seg;
	struct span		 msg;	/* from the header on, maybe cut */
	uint32_t		 status, flags, next, tree;
	uint16_t		 command;
	uint64_t		 id, session;
};

static const uint8_t none_file[16] = {
	255, 255, 255, 255, 255, 255, 255, 255,
	255, 255, 255, 255, 255, 255, 255, 255
};

/* -- kept memory --------------------------------------------------------- */

static struct span
keep_text(struct dec *d, struct span s)
{
	return s.len == 0 ? SPAN_NONE : dec_keep(d, s);
}

/* UTF-16LE to kept UTF-8. */
static struct span
keep_wide(struct dec *d, struct span wide)
{
	uint8_t room[NAME_MAX_U16 / 2 * 3];
	size_t len;

	if (wide.len > NAME_MAX_U16) {
		dec_weird(d, WEIRD_SMB_LIMIT);
		wide.len = NAME_MAX_U16;
	}
	len = utf16_to_utf8(span_sub(wide, 0, wide.len & ~(size_t)1), false,
	    room);
	return keep_text(d, span_of(room, len));
}

/* -- what is remembered -------------------------------------------------- */

static struct tree *
tree_find(struct smb *s, uint64_t session, uint32_t id)
{
	for (struct tree *t = s->trees; t != NULL; t = t->next)
		if (t->id == id && t->session == session)
			return t;
	return NULL;
}

static void
tree_add(struct dec *d, struct smb *s, uint64_t session, uint32_t id,
    struct span share, bool is_pipe)
{
	struct tree *t = tree_find(s, session, id), **last;

	if (t == NULL && s->ntrees == TREES_MAX) {
		dec_weird(d, WEIRD_SMB_LIMIT);
		for (last = &s->trees; (*last)->next != NULL; )
			last = &(*last)->next;
		t = *last;		/* the oldest is used anew */
	} else if (t == NULL) {
		if ((t = dec_alloc(d, sizeof(*t))) == NULL) {
			dec_drop(d, &share);
			return;
		}
		t->next = s->trees;
		s->trees = t;
		s->ntrees++;
	}
	dec_drop(d, &t->share);
	t->session = session;
	t->id = id;
	t->share = share;
	t->is_pipe = is_pipe;
}

static struct session *
session_find(struct smb *s, uint64_t id)
{
	for (struct session *p = s->sessions; p != NULL; p = p->next)
		if (p->id == id)
			return p;
	return NULL;
}

static struct session *
session_make(struct dec *d, struct smb *s, uint64_t id)
{
	struct session *p = session_find(s, id), **last;

	if (p != NULL)
		return p;
	if (s->nsessions == SESSIONS_MAX) {
		dec_weird(d, WEIRD_SMB_LIMIT);
		for (last = &s->sessions; (*last)->next != NULL; )
			last = &(*last)->next;
		p = *last;
		ntlm_drop(d, &p->ntlm);
	} else {
		if ((p = dec_alloc(d, sizeof(*p))) == NULL)
			return NULL;
		p->next = s->sessions;
		s->sessions = p;
		s->nsessions++;
	}
	p->id = id;
	return p;
}

/* -- telling ------------------------------------------------------------- */

/* Begins an event and gives what all have; r or x may be missing. */
static bool
begin(struct dec *d, struct smb *s, const struct request *r,
    const struct cmd *x, const char *command)
{
	struct batch *b = d->batch;
	uint64_t session = x != NULL ? x->session : r->session;
	struct session *p;

	if (!dec_event(d, KIND_SMB, r != NULL ? r->time : x->seg->time,
	    r != NULL ? r->record : x->seg->record,
	    r != NULL ? r->offset : x->seg->offset))
		return false;
	event_add_str(b, FIELD_SMB_COMMAND, span_str(command));
	if (x != NULL)
		event_add_num(b, FIELD_SMB_STATUS, VT_HEX, x->status);
	if (session != 0)
		event_add_num(b, FIELD_SMB_SESSION, VT_HEX, session);
	if ((p = session_find(s, session)) != NULL && p->ntlm.user.len != 0) {
		event_add_copy(b, FIELD_NTLM_USER, p->ntlm.user);
		if (p->ntlm.domain.len != 0)
			event_add_copy(b, FIELD_NTLM_DOMAIN, p->ntlm.domain);
	}
	return true;
}

static void
add_tree(struct dec *d, struct smb *s, uint64_t session, uint32_t id)
{
	struct tree *t = tree_find(s, session, id);

	event_add_num(d->batch, FIELD_SMB_TREE, VT_HEX, id);
	if (t != NULL)
		event_add_copy(d->batch, FIELD_SMB_SHARE, t->share);
}

static void
tell_setup(struct dec *d, struct smb *s, const struct request *r,
    const struct cmd *x)
{
	struct batch *b = d->batch;
	struct session *p = session_find(s, x != NULL ? x->session :
	    r->session);
	bool ok = x != NULL && x->status == ST_OK;

	if (begin(d, s, r, x, "session_setup"))
		event_end(b);
	if (r != NULL)
		ntlm_tell(d, &r->auth, p != NULL ? &p->ntlm : NULL, r->time,
		    r->record, r->offset, x != NULL ? &ok : NULL);
}

static void
tell_tree(struct dec *d, struct smb *s, const struct request *r,
    const struct cmd *x, unsigned type)
{
	static const char *const types[] = { NULL, "disk", "pipe", "print" };
	struct batch *b = d->batch;

	if (!begin(d, s, r, x, "tree_connect"))
		return;
	if (r != NULL)
		event_add_copy(b, FIELD_SMB_SHARE, r->name);
	if (x != NULL && x->status == ST_OK)
		event_add_num(b, FIELD_SMB_TREE, VT_HEX, x->tree);
	if (type < NITEMS(types) && types[type] != NULL)
		event_add_str(b, FIELD_SMB_SHARE_TYPE, span_str(types[type]));
	event_end(b);
}

static void
tell_create(struct dec *d, struct smb *s, const struct request *r,
    const struct cmd *x, const uint64_t *size)
{
	static const char *const names[] = { "supersede", "open", "create",
	    "open_if", "overwrite", "overwrite_if" };
	struct batch *b = d->batch;

	if (!begin(d, s, r, x, "create"))
		return;
	add_tree(d, s, r->session, r->tree);
	event_add_copy(b, FIELD_SMB_FILE, r->name);
	if (r->disposition < NITEMS(names))
		event_add_str(b, FIELD_SMB_DISPOSITION,
		    span_str(names[r->disposition]));
	if (size != NULL)
		event_add_u64(b, FIELD_SMB_SIZE, *size);
	event_end(b);
}

/* What was read from and written to a file. */
static void
tell_file(struct dec *d, struct smb *s, const struct file *f)
{
	struct batch *b = d->batch;

	for (unsigned i = 0; i < 2; i++) {
		const struct tally *t = &f->tally[i];
		struct request r = { .time = t->time, .record = t->record,
		    .offset = t->offset, .session = f->session };

		if (!t->any ||
		    !begin(d, s, &r, NULL, i == 0 ? "read" : "write"))
			continue;
		add_tree(d, s, f->session, f->tree);
		if (f->name.len != 0)
			event_add_copy(b, FIELD_SMB_FILE, f->name);
		event_add_u64(b, FIELD_SMB_SIZE, t->bytes);
		event_end(b);
	}
}

/* A request that was never answered. */
static void
tell_unanswered(struct dec *d, struct smb *s, const struct request *r)
{
	switch (r->command) {
	case C_SETUP:
		tell_setup(d, s, r, NULL);
		break;
	case C_TREE_CONNECT:
		tell_tree(d, s, r, NULL, 0);
		break;
	case C_CREATE:
		tell_create(d, s, r, NULL, NULL);
		break;
	default:
		break;
	}
}

/* -- files --------------------------------------------------------------- */

static void
file_remove(struct dec *d, struct smb *s, struct file **at)
{
	struct file *f = *at;

	tell_file(d, s, f);
	*at = f->next;
	s->nfiles--;
	dec_drop(d, &f->name);
	s->npipes -= f->is_pipe;
	if (f->rpc != NULL)
		rpc_free(d, f->rpc);
	dec_free(d, f, sizeof(*f));
}

static struct file **
file_find(struct smb *s, const uint8_t *id)
{
	struct file **at;

	for (at = &s->files; *at != NULL; at = &(*at)->next)
		if (memcmp((*at)->id, id, 16) == 0)
			return at;
	return NULL;
}

static struct file *
file_add(struct dec *d, struct smb *s, const struct request *r,
    const uint8_t *id)
{
	struct file **at = file_find(s, id), *f;
	struct tree *t = tree_find(s, r->session, r->tree);

	if (at != NULL)
		file_remove(d, s, at);
	if (s->nfiles == FILES_MAX) {
		dec_weird(d, WEIRD_SMB_LIMIT);
		for (at = &s->files; (*at)->next != NULL; )
			at = &(*at)->next;
		file_remove(d, s, at);
	}
	if ((f = dec_alloc(d, sizeof(*f))) == NULL)
		return NULL;
	memcpy(f->id, id, 16);
	f->session = r->session;
	f->tree = r->tree;
	f->is_pipe = t != NULL && t->is_pipe;
	s->npipes += f->is_pipe;
	f->next = s->files;
	s->files = f;
	s->nfiles++;
	return f;
}

/* Bytes moved; the file comes to the front of the list. */
static void
file_count(struct cmd *x, const struct request *r, uint64_t bytes)
{
	const uint8_t *id = r->file;
	struct file **at, *f;
	struct tally *t;

	if (memcmp(id, none_file, 16) == 0)
		id = x->s->last_file;
	if ((at = file_find(x->s, id)) != NULL) {
		f = *at;
		*at = f->next;
		f->next = x->s->files;
		x->s->files = f;
	} else if ((f = file_add(x->d, x->s, r, id)) == NULL) {
		return;
	}
	t = &f->tally[r->command == C_WRITE];
	if (!t->any) {
		t->any = true;
		t->time = r->time;
		t->record = r->record;
		t->offset = r->offset;
	}
	t->bytes += bytes;
}

/* -- requests that wait -------------------------------------------------- */

static void
request_remove(struct dec *d, struct smb *s, struct request **at)
{
	struct request *r = *at;

	*at = r->next;
	if (s->tail == &r->next)
		s->tail = at;
	s->nrequests--;
	dec_drop(d, &r->name);
	ntlm_drop(d, &r->auth);
	dec_free(d, r, sizeof(*r));
}

static struct request *
request_add(struct cmd *x)
{
	struct smb *s = x->s;
	struct request *r;

	if (s->nrequests == REQUESTS_MAX) {
		dec_weird(x->d, WEIRD_SMB_LIMIT);
		tell_unanswered(x->d, s, s->requests);
		request_remove(x->d, s, &s->requests);
	}
	if ((r = dec_alloc(x->d, sizeof(*r))) == NULL)
		return NULL;
	r->time = x->seg->time;
	r->record = x->seg->record;
	r->offset = x->seg->offset;
	r->id = x->id;
	r->session = x->session;
	r->tree = x->tree;
	r->command = x->command;
	if (s->requests == NULL)
		s->tail = &s->requests;
	*s->tail = r;
	s->tail = &r->next;
	s->nrequests++;
	return r;
}

static struct request **
request_find(struct smb *s, uint64_t id, unsigned command)
{
	struct request **at;

	for (at = &s->requests; *at != NULL; at = &(*at)->next)
		if ((*at)->id == id && (*at)->command == command)
			return at;
	return NULL;
}

/* -- requests ------------------------------------------------------------ */

static struct cursor
body(const struct cmd *x, size_t off)
{
	return cur_of(span_sub(x->msg, HEADER_LEN + off, x->msg.len));
}

/* The bytes of a buffer that the command names by offset:2 and length:2. */
static struct span
buffer(struct cmd *x, struct cursor *c)
{
	size_t off = cur_le16(c), len = cur_le16(c);
	struct span s = span_sub(x->msg, off, len);

	if (!cur_ok(c) || s.len != len || (len != 0 && off < HEADER_LEN)) {
		dec_weird(x->d, WEIRD_SMB_BAD);
		return SPAN_NONE;
	}
	return s;
}

/* The names of the server, if the answer to a session setup has them. */
static void
read_challenge(struct cmd *x, struct span blob)
{
	struct session *p;

	if (ntlm_type(blob) == NTLM_CHALLENGE &&
	    (p = session_make(x->d, x->s, x->session)) != NULL)
		(void)ntlm_read(x->d, blob, NTLM_CHALLENGE, &p->ntlm);
}

static void
req_setup(struct cmd *x)
{
	struct cursor c = body(x, 12);
	struct span blob = buffer(x, &c);
	struct request *r = request_add(x);

	if (r != NULL)
		(void)ntlm_read(x->d, blob, NTLM_AUTHENTICATE, &r->auth);
}

static void
req_tree(struct cmd *x)
{
	struct cursor c = body(x, 4);
	struct span path = buffer(x, &c);
	struct request *r = request_add(x);

	if (r != NULL)
		r->name = keep_wide(x->d, path);
}

static void
req_create(struct cmd *x)
{
	struct cursor c = body(x, 36);
	uint32_t disposition = cur_le32(&c);
	struct request *r;
	struct span name;

	cur_skip(&c, 4);
	name = buffer(x, &c);
	if (!cur_ok(&c) || (r = request_add(x)) == NULL)
		return;
	r->disposition = disposition;
	r->name = keep_wide(x->d, name);
}

/* Close, read and write name a file at different places. */
static void
req_file(struct cmd *x)
{
	struct cursor c = body(x, x->command == C_CLOSE ? 8 : 16);
	struct span id = cur_take(&c, 16);
	struct request *r;

	if (!cur_ok(&c)) {
		dec_weird(x->d, WEIRD_SMB_BAD);
		return;
	}
	if ((r = request_add(x)) != NULL)
		memcpy(r->file, id.ptr, 16);
}

/* -- named pipes --------------------------------------------------------- */

/* The pipe that a read, write or exchange is about; NULL: it is none.  Needs
 * the fixed part of the command only. */
static struct file *
pipe_of(struct cmd *x)
{
	struct cursor c = body(x, x->command == C_IOCTL ? 8 : 16);
	struct request **r;
	const uint8_t *id;
	struct file **f;

	if (x->s->npipes == 0 || (x->command != C_READ &&
	    x->command != C_WRITE && x->command != C_IOCTL))
		return NULL;
	if (x->flags & FLAG_RESPONSE) {
		r = request_find(x->s, x->id, x->command);
		id = r != NULL ? (*r)->file : none_file;
	} else {
		id = cur_take(&c, 16).ptr;
		if (!cur_ok(&c))
			return NULL;
	}
	if (memcmp(id, none_file, 16) == 0)
		id = x->s->last_file;
	f = file_find(x->s, id);
	return f != NULL && (*f)->is_pipe ? *f : NULL;
}

/* PDUs that a message of the pipe begins with. */
static void
pipe_bytes(struct cmd *x, struct span data)
{
	struct file *f = pipe_of(x);
	struct session *p = session_find(x->s, x->session);
	struct rpc_from from = { .who = p != NULL ? &p->ntlm : NULL };
	struct rpc_head h;

	if (f == NULL || (f->rpc == NULL && (f->rpc = rpc_new(x->d)) == NULL))
		return;
	from.pipe = f->name;
	while (data.len >= RPC_HEAD && rpc_head(data, &h)) {
		if (h.want > data.len)
			break;
		rpc_pdu(x->d, f->rpc, x->seg, &h, data, &from);
		data = span_sub(data, h.len, data.len);
	}
}

/* Data of a write, where the offset (from the header on) and the length stand
 * in the fixed part. */
static struct span
data_at(const struct cmd *x, size_t off, size_t len)
{
	return off < HEADER_LEN ? SPAN_NONE : span_sub(x->msg, off, len);
}

static void
req_write(struct cmd *x)
{
	struct cursor c = body(x, 2);
	size_t off = cur_le16(&c);

	req_file(x);
	pipe_bytes(x, data_at(x, off, cur_le32(&c)));
}

static void
req_ioctl(struct cmd *x)
{
	struct cursor c = body(x, 4);
	uint32_t code = cur_le32(&c);
	struct span id = cur_take(&c, 16);
	size_t off = cur_le32(&c);
	struct request *r;

	if (!cur_ok(&c) || code != FSCTL_PIPE_TRANSCEIVE ||
	    pipe_of(x) == NULL || (r = request_add(x)) == NULL)
		return;
	memcpy(r->file, id.ptr, 16);
	pipe_bytes(x, data_at(x, off, cur_le32(&c)));
}

static void
rsp_ioctl(struct cmd *x, struct request *r)
{
	struct cursor c = body(x, 32);
	size_t off = cur_le32(&c);

	if (r != NULL && (x->status == ST_OK || x->status == ST_OVERFLOW))
		pipe_bytes(x, data_at(x, off, cur_le32(&c)));
}

static void
req_plain(struct cmd *x)
{
	(void)request_add(x);
}

/* -- responses ----------------------------------------------------------- */

static void
rsp_negotiate(struct cmd *x, struct request *r)
{
	struct cursor c = body(x, 4);
	unsigned dialect = cur_le16(&c);
	const char *name = NULL;

	switch (dialect) {
	case 0x0202: name = "2.0.2"; break;
	case 0x0210: name = "2.1"; break;
	case 0x0300: name = "3.0"; break;
	case 0x0302: name = "3.0.2"; break;
	case 0x0311: name = "3.1.1"; break;
	case 0x02ff: return;	/* asked in SMB1; the client asks again */
	default: break;
	}
	if (!begin(x->d, x->s, r, x, "negotiate"))
		return;
	if (x->status == ST_OK && name != NULL)
		event_add_str(x->d->batch, FIELD_SMB_DIALECT, span_str(name));
	event_end(x->d->batch);
}

static void
rsp_setup(struct cmd *x, struct request *r)
{
	struct cursor c = body(x, 4);
	struct session *p;

	if (x->status == ST_OK || x->status == ST_MORE)
		read_challenge(x, buffer(x, &c));
	if (x->status == ST_MORE)
		return;
	if (r != NULL && r->auth.seen && x->status == ST_OK &&
	    (p = session_make(x->d, x->s, x->session)) != NULL) {
		dec_drop(x->d, &p->ntlm.user);
		dec_drop(x->d, &p->ntlm.domain);
		p->ntlm.user = keep_text(x->d, r->auth.user);
		p->ntlm.domain = keep_text(x->d, r->auth.domain);
	}
	tell_setup(x->d, x->s, r, x);
}

static void
rsp_tree(struct cmd *x, struct request *r)
{
	struct cursor c = body(x, 2);
	unsigned type = x->status == ST_OK ? cur_u8(&c) : 0;

	tell_tree(x->d, x->s, r, x, type);
	if (r == NULL || x->status != ST_OK)
		return;
	tree_add(x->d, x->s, x->session, x->tree, r->name, type == 2);
	r->name = SPAN_NONE;
}

static void
rsp_create(struct cmd *x, struct request *r)
{
	struct cursor c = body(x, 48);
	uint64_t size = cur_le64(&c);
	struct span id;
	struct file *f;

	cur_skip(&c, 8);
	id = cur_take(&c, 16);
	if (r == NULL)
		return;
	if (x->status != ST_OK) {
		tell_create(x->d, x->s, r, x, NULL);
		return;
	}
	if (!cur_ok(&c)) {
		dec_weird(x->d, WEIRD_SMB_BAD);
		return;
	}
	tell_create(x->d, x->s, r, x, &size);
	memcpy(x->s->last_file, id.ptr, 16);
	if ((f = file_add(x->d, x->s, r, id.ptr)) != NULL) {
		f->name = r->name;
		r->name = SPAN_NONE;
	}
}

static void
rsp_close(struct cmd *x, struct request *r)
{
	struct file **at;

	if (r == NULL || x->status != ST_OK)
		return;
	at = file_find(x->s, memcmp(r->file, none_file, 16) == 0 ?
	    x->s->last_file : r->file);
	if (at != NULL)
		file_remove(x->d, x->s, at);
}

/* Length of the data at 4 for both. */
static void
rsp_data(struct cmd *x, struct request *r)
{
	struct cursor c = body(x, 4);
	uint32_t n = cur_le32(&c);

	if (r == NULL || !cur_ok(&c) ||
	    (x->status != ST_OK && x->status != ST_OVERFLOW))
		return;
	file_count(x, r, n);
	if (x->command == C_READ) {
		c = body(x, 2);
		pipe_bytes(x, data_at(x, cur_u8(&c), n));
	}
}

/* What is read of each command, by its number: how many bytes with header, and
 * by whom.  Others are passed over. */
static const struct {
	uint16_t	request, response;
	void		(*ask)(struct cmd *);
	void		(*answer)(struct cmd *, struct request *);
} commands[] = {
	[C_NEGOTIATE] = { HEADER_LEN, HEADER_LEN + 8, req_plain,
	    rsp_negotiate },
	[C_SETUP] = { COMMAND_MAX, COMMAND_MAX, req_setup, rsp_setup },
	[C_TREE_CONNECT] = { COMMAND_MAX, HEADER_LEN + 16, req_tree,
	    rsp_tree },
	[C_CREATE] = { COMMAND_MAX, HEADER_LEN + 88, req_create, rsp_create },
	[C_CLOSE] = { HEADER_LEN + 24, HEADER_LEN, req_file, rsp_close },
	[C_READ] = { HEADER_LEN + 32, HEADER_LEN + 16, req_file, rsp_data },
	[C_WRITE] = { HEADER_LEN + 32, HEADER_LEN + 16, req_write, rsp_data },
	[C_IOCTL] = { HEADER_LEN + 56, HEADER_LEN + 48, req_ioctl,
	    rsp_ioctl },
};

/* -- the stream ---------------------------------------------------------- */

static void
command(struct cmd *x, struct lane *lane)
{
	struct request **at, *r = NULL;

	/* Related commands may leave the ids to the one before it. */
	if (x->flags & FLAG_RELATED) {
		if (x->tree == UINT32_MAX)
			x->tree = lane->tree;
		if (x->session == UINT64_MAX)
			x->session = lane->session;
	}
	lane->tree = x->tree;
	lane->session = x->session;
	if (x->command >= NITEMS(commands) ||
	    commands[x->command].ask == NULL)
		return;
	if (!(x->flags & FLAG_RESPONSE)) {
		commands[x->command].ask(x);
		return;
	}
	if (x->status == ST_PENDING && x->flags & FLAG_ASYNC)
		return;
	if ((at = request_find(x->s, x->id, x->command)) != NULL) {
		r = *at;
		/* An asynchronous header has no tree id. */
		if (x->flags & FLAG_ASYNC)
			x->tree = r->tree;
		if (x->session == 0)
			x->session = r->session;
	}
	commands[x->command].answer(x, r);
	if (r != NULL && (at = request_find(x->s, x->id, x->command)) != NULL)
		request_remove(x->d, x->s, at);
}

/* Consumes n bytes, those that are still to come by skip. */
static void
pass(struct dec *d, unsigned dir, struct cursor *c, uint32_t n)
{
	size_t here = MIN_OF((size_t)n, c->left);

	cur_skip(c, here);
	d->skip[dir] = n - here;
}

static struct cmd
read_header(struct span s)
{
	struct cmd x = { .msg = s };
	struct cursor c = cur_of(s);

	cur_skip(&c, 8);
	x.status = cur_le32(&c);
	x.command = cur_le16(&c);
	cur_skip(&c, 2);
	x.flags = cur_le32(&c);
	x.next = cur_le32(&c);
	x.id = cur_le64(&c);
	cur_skip(&c, 4);
	x.tree = cur_le32(&c);
	x.session = cur_le64(&c);
	return x;
}

/* One SMB2 command; false when more bytes are needed. */
static bool
step_smb2(struct dec *d, struct smb *s, const struct seg *seg,
    struct cursor *c)
{
	struct lane *lane = &s->lane[seg->dir];
	uint32_t size = lane->pdu, want = HEADER_LEN;
	struct cmd x;

	if (size < HEADER_LEN) {
		dec_weird(d, WEIRD_SMB_BAD);
		lane->pdu = 0;
		pass(d, seg->dir, c, size);
		return true;
	}
	if (c->left < HEADER_LEN) {
		d->need[seg->dir] = HEADER_LEN;
		return false;
	}
	x = read_header(cur_rest(c));
	if (x.next != 0) {
		if (x.next < HEADER_LEN || x.next > size)
			dec_weird(d, WEIRD_SMB_BAD);
		else
			size = x.next;
	}
	if (x.command < NITEMS(commands) && commands[x.command].ask != NULL)
		want = x.flags & FLAG_RESPONSE ?
		    commands[x.command].response :
		    commands[x.command].request;
	want = MIN_OF(want, size);
	if (c->left < want && !seg->end) {
		d->need[seg->dir] = want;
		return false;
	}
	x.msg = span_sub(x.msg, 0, want);
	x.d = d;
	x.s = s;
	x.seg = seg;
	if (s->npipes != 0 && pipe_of(&x) != NULL) {
		want = MIN_OF(size, (uint32_t)COMMAND_MAX);
		if (c->left < want && !seg->end) {
			d->need[seg->dir] = want;
			return false;
		}
		x.msg = span_sub(cur_rest(c), 0, want);
	}
	command(&x, lane);
	lane->pdu -= size;
	pass(d, seg->dir, c, size);
	return true;
}

/*
 * SMB1: the answer to negotiate tells that SMB1 is spoken; session setup (MS-
 * SMB 2.2.4.6) is looked at for NTLM.  Nothing else is read.
 * Header: ff 'SMB', command:1, status:4, flags:1 (0x80 response), ..., 28 uid,
 * 30 mid; then count of words:1.
 */
static bool
step_smb1(struct dec *d, struct smb *s, const struct seg *seg,
    struct cursor *c)
{
	struct lane *lane = &s->lane[seg->dir];
	uint32_t size = lane->pdu, want = MIN_OF(size, 35u);
	struct cmd x = { .d = d, .s = s, .seg = seg };
	struct request **at, *r;
	bool response;

	if (size >= 35 && cur_peek(c, 4) == SMB1_SETUP)
		want = MIN_OF(size, (uint32_t)COMMAND_MAX);
	if (c->left < want && !seg->end) {
		d->need[seg->dir] = want;
		return false;
	}
	x.msg = span_sub(cur_rest(c), 0, want);
	lane->pdu = 0;
	if (x.msg.len < 35) {
		pass(d, seg->dir, c, size);
		return true;
	}
	response = x.msg.ptr[9] & 0x80;
	x.status = load_le32(x.msg.ptr + 5);
	x.session = load_le16(x.msg.ptr + 28);
	x.id = load_le16(x.msg.ptr + 30);
	x.command = C_SETUP;
	if (x.msg.ptr[4] == SMB1_NEGOTIATE && response &&
	    x.msg.ptr[32] != 0) {
		x.session = 0;
		if (begin(d, s, NULL, &x, "negotiate")) {
			event_add_str(d->batch, FIELD_SMB_DIALECT,
			    SPAN_LIT("1"));
			event_end(d->batch);
		}
	} else if (x.msg.ptr[4] == SMB1_SETUP && !response) {
		if ((r = request_add(&x)) != NULL)
			(void)ntlm_read(d, x.msg, NTLM_AUTHENTICATE,
			    &r->auth);
	} else if (x.msg.ptr[4] == SMB1_SETUP) {
		read_challenge(&x, x.msg);
		at = request_find(s, x.id, C_SETUP);
		if (x.status != ST_MORE)
			tell_setup(d, s, at != NULL ? *at : NULL, &x);
		if (at != NULL)
			request_remove(d, s, at);
	}
	pass(d, seg->dir, c, size);
	return true;
}

static void
tell_encrypted(struct dec *d, struct smb *s, const struct seg *seg)
{
	if (s->told_encrypted)
		return;
	s->told_encrypted = true;
	if (!dec_event(d, KIND_SMB, seg->time, seg->record, seg->offset))
		return;
	event_add_str(d->batch, FIELD_SMB_COMMAND, SPAN_LIT("transform"));
	event_add_bool(d->batch, FIELD_SMB_ENCRYPTED, true);
	event_end(d->batch);
}

/* The NetBIOS header. */
static bool
step_frame(struct dec *d, struct smb *s, const struct seg *seg,
    struct cursor *c)
{
	struct lane *lane = &s->lane[seg->dir];
	uint32_t len;
	uint8_t type;

	if (c->left < 4) {
		d->need[seg->dir] = 4;
		return false;
	}
	type = cur_u8(c);
	len = cur_be24(c);
	if (type == 0) {
		lane->pdu = len;
	} else if (type >= 0x81 && type <= 0x85) {
		pass(d, seg->dir, c, len);
	} else {
		dec_weird(d, WEIRD_SMB_BAD);
		lane->lost = true;
	}
	return true;
}

/* Looks for the next SMB2 message with its NetBIOS header. */
static bool
step_lost(struct smb *s, const struct seg *seg, struct cursor *c)
{
	static const uint8_t mark[6] = { 0xfe, 'S', 'M', 'B', 64, 0 };
	struct span rest = cur_rest(c);
	size_t at = span_find(rest, span_of(mark, sizeof(mark)));
	size_t keep = 4 + sizeof(mark) - 1;

	if (at == SPAN_NPOS) {
		cur_skip(c, rest.len > keep ? rest.len - keep : 0);
		return false;
	}
	if (at < 4 || rest.ptr[at - 4] != 0 ||
	    load_be24(rest.ptr + at - 3) < HEADER_LEN) {
		cur_skip(c, at + 1);
		return true;
	}
	cur_skip(c, at - 4);
	s->lane[seg->dir].lost = false;
	return true;
}

/* One step through the bytes; false when more are needed. */
static bool
step(struct dec *d, struct smb *s, const struct seg *seg, struct cursor *c)
{
	struct lane *lane = &s->lane[seg->dir];
	uint32_t pdu = lane->pdu;

	if (lane->lost)
		return step_lost(s, seg, c);
	if (pdu == 0)
		return step_frame(d, s, seg, c);
	if (c->left < MIN_OF(pdu, 10u)) {
		d->need[seg->dir] = MIN_OF(pdu, 10u);
		return false;
	}
	if (pdu >= 4 && c->left >= 4 && memcmp(c->ptr + 1, "SMB", 3) == 0) {
		switch (c->ptr[0]) {
		case 0xfe:
			return step_smb2(d, s, seg, c);
		case 0xff:
			return step_smb1(d, s, seg, c);
		case 0xfd:
			tell_encrypted(d, s, seg);
			break;
		default:
			break;
		}
	} else {
		dec_weird(d, WEIRD_SMB_BAD);
	}
	lane->pdu = 0;
	pass(d, seg->dir, c, pdu);
	return true;
}

static size_t
smb_stream(struct dec *d, void *state, const struct seg *seg)
{
	struct smb_state *st = state;
	struct cursor c = cur_of(seg->data);

	if (!d->batch->want->kind[KIND_SMB] &&
	    !d->batch->want->kind[KIND_NTLM] &&
	    !d->batch->want->kind[KIND_DCERPC]) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	if (st->s == NULL &&
	    (st->s = dec_alloc(d, sizeof(*st->s))) == NULL) {
		d->action = DEC_DONE;
		return seg->data.len;
	}
	if (seg->lost != 0) {
		st->s->lane[seg->dir].lost = true;
		st->s->lane[seg->dir].pdu = 0;
	}
	while (c.left != 0 && step(d, st->s, seg, &c))
		;
	return seg->data.len - c.left;
}

static void
smb_close(struct dec *d, void *state)
{
	struct smb_state *st = state;
	struct smb *s = st->s;
	struct tree *t;
	struct session *p;

	if (s == NULL)
		return;
	while (s->requests != NULL) {
		tell_unanswered(d, s, s->requests);
		request_remove(d, s, &s->requests);
	}
	while (s->files != NULL)
		file_remove(d, s, &s->files);
	while ((t = s->trees) != NULL) {
		s->trees = t->next;
		dec_drop(d, &t->share);
		dec_free(d, t, sizeof(*t));
	}
	while ((p = s->sessions) != NULL) {
		s->sessions = p->next;
		ntlm_drop(d, &p->ntlm);
		dec_free(d, p, sizeof(*p));
	}
	dec_free(d, s, sizeof(*s));
	st->s = NULL;
}

/* -- recognising --------------------------------------------------------- */

static enum probe_result
smb_probe(const struct probe *p)
{
	struct cursor c = cur_of(p->data);
	uint8_t type = cur_u8(&c), magic;
	uint32_t len = cur_be24(&c);
	bool response;

	if (p->data.len == 0)
		return PROBE_MORE;
	/* A NetBIOS session request: two encoded names (RFC 1002 4.3.2). */
	if (type == 0x81)
		return p->data.len < 5 ? PROBE_MORE :
		    len == 68 && cur_peek(&c, 0) == 32 ? PROBE_YES : PROBE_NO;
	if (type == 0x82 && p->data.len >= 4 && len == 0 &&
	    (p->sport == 139 || p->dport == 139))
		return p->dir == DIR_CLIENT ? PROBE_SWAP : PROBE_YES;
	if (type != 0)
		return PROBE_NO;
	if (p->data.len < 8)
		return PROBE_MORE;
	magic = cur_u8(&c);
	if (magic < 0xfc || !span_eq(cur_take(&c, 3), SPAN_LIT("SMB")) ||
	    len < 32)
		return PROBE_NO;
	if (magic == 0xfd || magic == 0xfc)
		return PROBE_YES;
	if (p->data.len < 4 + 20)
		return PROBE_MORE;
	response = magic == 0xff ? p->data.ptr[4 + 9] & 0x80 :
	    load_le32(p->data.ptr + 4 + 16) & FLAG_RESPONSE;
	return response && p->dir == DIR_CLIENT ? PROBE_SWAP : PROBE_YES;
}

static const uint8_t smb_kinds[] = { KIND_SMB, KIND_NTLM, KIND_DCERPC,
    KIND_NONE };

const struct decoder decoder_smb = {
	.name = "smb",
	.title = "SMB2 and SMB3",
	.doc = "SMB 2.0.2 to 3.1.1 (MS-SMB2) over TCP and NetBIOS sessions, "
	    "on any port: negotiate, session setup, tree connect, create, "
	    "and the bytes read and written by file; NTLM sign-ins "
	    "(MS-NLMP); DCE/RPC calls over named pipes. Of SMB1 only that "
	    "it is spoken and NTLM; encrypted "
	    "traffic is told once, compressed messages and the payload are "
	    "passed over.",
	.kinds = smb_kinds,
	.state_size = sizeof(struct smb_state),
	.probe = smb_probe,
	.stream = smb_stream,
	.close = smb_close,
};
