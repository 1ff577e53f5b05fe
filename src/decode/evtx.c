/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows event records: the binary XML of EVTX to winevent events.
 *
 * Grammar (MS-EVEN6 2.2.12 to 2.2.17), integers little endian; offsets count
 * from the chunk's start; the bit 0x40 of a token says that more follows:
 *
 *	record	"**\0\0" size:4 id:8 FILETIME:8 {fragment} size:4
 *	fragment 0f major:1 minor:1 flags:1  (element | instance)  [00]
 *	element	01|41 [dependency:2, in templates only] size:4 name
 *		[attribute list size:4, if 41] {attribute}
 *		(03 | 02 {element | content} 04)
 *	attribute 06|46 name {content}
 *	content	05|45 type:1 count:2 UTF-16		text
 *		07|47 count:2 UTF-16			CDATA
 *		08|48 unit:2	09|49 name		character, entity
 *		0a name  0b count:2 UTF-16		processing instruction
 *		0d|0e slot:2 type:1			value; 0e: optional
 *	name	offset:4, and there (or right here, when the offset says so)
 *		next:4 hash:2 count:2 UTF-16 NUL:2
 *	instance 0c 01 id:4 offset:4 [definition, when offset is here]
 *		count:4 {size:2 type:1 0:1} {value}
 *	definition next:4 GUID:16 size:4 fragment	the GUID starts with id
 *
 * A value of type 21 is binary XML itself (EventData of most providers); of
 * type 80|t an array of t, for which the element repeats.
 *
 * Which field a value goes to.  System: the name of the element, attributes as
 * Element_Attribute (TimeCreated/@SystemTime: TimeCreated).  EventData:
 * <Data Name="X"> is X without blanks, Data without a name joins the list Data.
 * UserData and the like: the name of the innermost element, attributes as
 * Element_Attribute.  RenderingInfo_ goes before what Windows rendered when it
 * forwarded the event.  A data name that System has goes with EventData_ or
 * UserData_ before it.  Repeated names make a list.  An empty element is there
 * with an empty text; one whose optional value is missing is not there.
 *
 * How: a template is compiled once to a list of (field, slot) that names only
 * what somebody wants; a record is then one pass over its descriptors and that
 * list, and values are views into the chunk.  Other chunks hold the same
 * template with other offsets: it is known again by comparing all bytes but
 * the offsets, and the names that they point to.  Elements without template
 * are compiled to scratch memory and run once.
 *
 * Ownership: events point into the chunk, into the batch's arena and, for
 * names and fixed text, into st->mem, which is dropped at the start of a batch
 * only.
 * Bounds: nesting DEPTH_MAX on explicit stacks, every count by the bytes left,
 * BUDGET steps a record (so that small input cannot unfold), MEM_MAX.
 */
#include "codec.h"
#include "decode.h"

#define RECORD_HEADER	24
#define RECORD_TAIL	4	/* the second size */
#define DEPTH_MAX	64	/* elements, and values in values; real: 8, 2 */
#define CHUNK_MAX	65536
#define PADDING_MAX	8	/* behind the end of a record's fragment */
/* Descriptors are 4 bytes and those of nested values lie in their values. */
#define VALUES_MAX	(CHUNK_MAX / 4)
#define OPS_MAX		4096	/* of a template; an event has 1,024 fields */
#define PARTS_MAX	8192
#define HOLES_MAX	8192
#define NAME_MAX_UNITS	256	/* of a name in UTF-16; real: under 60 */
#define BUDGET		65536	/* steps; a record of 64 KiB needs 10,000 */
#define MEM_MAX		(4u << 20)	/* some 1,500 templates */
#define TEXT_MAX	(256u << 10)	/* joined text: 64 KiB in UTF-8 */
#define SAME_ID_MAX	8	/* templates of one GUID that are compared */
#define MEMO_SLOTS	1024u
#define NAME_SLOTS	1024u
#define TPL_SLOTS	256u
#define NO_SLOT		0xffffu

enum token {
	TOK_EOF = 0x00, TOK_OPEN = 0x01, TOK_CLOSE_START = 0x02,
	TOK_CLOSE_EMPTY = 0x03, TOK_END = 0x04, TOK_VALUE = 0x05,
	TOK_ATTR = 0x06, TOK_CDATA = 0x07, TOK_CHAR = 0x08,
	TOK_ENTITY = 0x09, TOK_PI_TARGET = 0x0a, TOK_PI_DATA = 0x0b,
	TOK_INSTANCE = 0x0c, TOK_SUB = 0x0d, TOK_OPT_SUB = 0x0e,
	TOK_FRAGMENT = 0x0f, TOK_MORE = 0x40
};

/* MS-EVEN6 2.2.13; what is not named there: libevtx's format notes. */
enum bx_type {
	BX_NULL = 0x00, BX_STRING = 0x01, BX_ANSI = 0x02, BX_I8 = 0x03,
	BX_U8 = 0x04, BX_I16 = 0x05, BX_U16 = 0x06, BX_I32 = 0x07,
	BX_U32 = 0x08, BX_I64 = 0x09, BX_U64 = 0x0a, BX_F32 = 0x0b,
	BX_F64 = 0x0c, BX_BOOL = 0x0d, BX_BIN = 0x0e, BX_GUID = 0x0f,
	BX_SIZE = 0x10, BX_FILETIME = 0x11, BX_SYSTIME = 0x12, BX_SID = 0x13,
	BX_HEX32 = 0x14, BX_HEX64 = 0x15, BX_HANDLE = 0x20, BX_XML = 0x21,
	BX_EVTXML = 0x23, BX_ARRAY = 0x80
};

/* What stands around an element, by which its field is named. */
enum section {
	SEC_TOP, SEC_EVENT, SEC_SYSTEM, SEC_DATA, SEC_TREE, SEC_RENDER
};

/* A field name that occurred; one for each text. */
struct name {
	struct name	*next;		/* of the same hash slot */
	uint64_t	 hash;
	uint64_t	 record;	/* that has it at index */
	uint16_t	 index;
	uint16_t	 id;
	uint16_t	 len;
	bool		 wanted;
	char		 text[];
};

/* A piece of the contents of an element or attribute. */
struct part {
	const uint8_t	*ptr;		/* fixed text, UTF-16LE */
	uint32_t	 len;
	uint16_t	 slot;		/* NO_SLOT: fixed text */
	uint16_t	 next;		/* part; not in the last */
	bool		 optional;
};

struct parts {
	uint16_t	first, last, n;
};

enum how { OP_EMPTY, OP_FIXED, OP_SLOT, OP_JOIN };

/* One field to be told. */
struct op {
	struct name	*name;		/* NULL: see called, or XML only */
	struct parts	 text;
	struct parts	 called;	/* name to be made from values */
	uint16_t	 slot;		/* of OP_SLOT */
	uint8_t		 how;
	uint8_t		 inner;		/* section of XML in the value */
	bool		 optional;
	bool		 is_system;
	bool		 may_nest;	/* the value is declared to be XML */
};

/* What lies between the bytes of a definition that do not change with its
 * place: a name, and sizes that count names. */
struct hole {
	uint16_t	before;		/* fixed bytes before it */
	uint8_t		pre, post;	/* bytes of sizes around the name */
};

struct tpl {
	struct tpl		*next;	/* of the same hash slot */
	const struct op		*op;
	const struct part	*part;
	const struct hole	*hole;
	struct span		 fixed;	/* bytes between holes, and names */
	uint32_t		 nops, nholes, tail;
	uint8_t			 guid[16];
	uint8_t			 section;
	bool			 broken;
};

/* A place in this chunk: the template that is defined there. */
struct memo {
	const struct tpl	*tpl;
	uint32_t		 chunk_no;
	uint32_t		 at;
	uint8_t			 section;
};

struct val {
	uint32_t	at;		/* in the chunk */
	uint16_t	size;
	uint8_t		type;
};

/* An element that is open while compiling. */
struct elem {
	struct span	name;
	struct parts	text, called;
	uint8_t		section;	/* that it stands in */
	uint8_t		inner;		/* that it opens */
	bool		has_children, has_attrs, is_data, is_called, may_nest;
};

struct compiler {
	struct elem	 elem[DEPTH_MAX];
	struct op	 op[OPS_MAX];
	struct part	 part[PARTS_MAX];
	struct hole	 hole[HOLES_MAX];
	unsigned	 depth;
	uint32_t	 nops, nparts, nholes;
	struct span	 attr;		/* name of the open attribute */
	struct parts	 attr_text;
	bool		 in_start;	/* in a start tag */
	bool		 in_attr;
	bool		 in_template;
	bool		 broken;
	const uint8_t	*fixed_from;
	struct buf	 fixed;
};

/* A fragment that is being told, and the instance in it. */
struct frame {
	struct cursor		 rest;
	const struct tpl	*tpl;	/* NULL: at a token */
	uint32_t		 op;
	uint32_t		 val, nvals;
	uint8_t			 section;
};

struct evtx {
	struct arena		 mem;
	struct batch		*batch;
	const struct record	*rec;
	struct span		 chunk;
	uint32_t		 shift;		/* of its start in the chunk
						 * that it was cut from */
	uint64_t		 chunk_at;	/* in the file */
	uint32_t		 chunk_no;
	bool			 ready;
	bool			 is_full;	/* mem; dropped at next batch */
	bool			 limit_told;
	uint64_t		 record;
	int32_t			 budget;
	unsigned		 depth;
	uint32_t		 nvals;
	struct name		*data;		/* the list Data */
	struct name		*names[NAME_SLOTS];
	struct tpl		*tpls[TPL_SLOTS];
	struct memo		 memo[MEMO_SLOTS];
	struct tpl		 raw;		/* the element at hand */
	struct buf		 text;
	struct frame		 frame[DEPTH_MAX];
	struct compiler		 k;
	uint64_t		 val[VALUES_MAX];	/* pack_val() */
};

/* In one word: a value is read soon after it was written, and a load of
 * several stores would have to wait for them. */
static uint64_t
pack_val(uint32_t at, uint16_t size, uint8_t type)
{
	return at | (uint64_t)size << 32 | (uint64_t)type << 48;
}

static struct val
unpack_val(uint64_t w)
{
	return (struct val){ (uint32_t)w, (uint16_t)(w >> 32),
	    (uint8_t)(w >> 48) };
}

static void
weird(struct evtx *st, enum weird w)
{
	batch_weird(st->batch, w, st->rec);
}

static void
limit(struct evtx *st)
{
	if (!st->limit_told)
		weird(st, WEIRD_EVTX_LIMIT);
	st->limit_told = true;
}

/* False when the record has used up what it may. */
static bool
spend(struct evtx *st, size_t steps)
{
	if (steps > (size_t)BUDGET || st->budget < (int32_t)steps) {
		st->budget = 0;
		limit(st);
		return false;
	}
	st->budget -= (int32_t)steps;
	return true;
}

/* Memory that outlives the batch while there is some, else *kept says no. */
static void *
get_mem(struct evtx *st, size_t n, bool *kept)
{
	void *p = NULL;

	*kept = false;
	if (!st->is_full && (p = arena_alloc(&st->mem, n)) != NULL) {
		*kept = true;
		return p;
	}
	st->is_full = true;
	if ((p = arena_alloc(&st->batch->arena, n)) == NULL)
		weird(st, WEIRD_BATCH_ARENA);
	return p;
}

/* -- names --------------------------------------------------------------- */

static bool
is_called(struct span wide, const char *ascii, size_t n)
{
	if (wide.len != n * 2)
		return false;
	for (size_t i = 0; i < n; i++)
		if (wide.ptr[2 * i] != (uint8_t)ascii[i] ||
		    wide.ptr[2 * i + 1] != 0)
			return false;
	return true;
}
#define IS(wide, lit)	is_called((wide), (lit), sizeof(lit) - 1)

/* Appends UTF-16 as UTF-8. */
static void
put_wide(struct buf *b, struct span wide)
{
	uint8_t *p = buf_room(b, wide.len / 2 * 3 + 3);

	if (p != NULL)
		b->len += utf16_to_utf8(wide, false, p);
}

/* Appends a name up to a NUL, without blanks. */
static void
put_name(struct evtx *st, struct span wide)
{
	size_t from = st->text.len, to = from;

	if (wide.len > NAME_MAX_UNITS * 2) {
		limit(st);
		wide.len = NAME_MAX_UNITS * 2;
	}
	put_wide(&st->text, wide);
	for (size_t i = from; i < st->text.len; i++) {
		uint8_t c = st->text.ptr[i];

		if (c == '\0')
			break;
		if (c != ' ')
			st->text.ptr[to++] = c;
	}
	st->text.len = to;
}

static struct name *
find_name(struct evtx *st, struct span s, uint64_t hash)
{
	struct name *n = st->names[hash % NAME_SLOTS];

	while (n != NULL && (n->hash != hash ||
	    !span_eq(span_of(n->text, n->len), s)))
		n = n->next;
	return n;
}

static struct name *
intern(struct evtx *st, struct span s)
{
	uint64_t hash = hash_bytes(s.ptr, s.len, hash_seed());
	const struct demand *want = st->batch->want;
	struct name *n = find_name(st, s, hash);
	bool kept;

	if (n != NULL)
		return n;
	if ((n = get_mem(st, sizeof(*n) + s.len + 1, &kept)) == NULL)
		return NULL;
	*n = (struct name){
		.hash = hash, .id = (uint16_t)field_by_name(s),
		.len = (uint16_t)s.len
	};
	memcpy(n->text, s.ptr, s.len);
	n->text[s.len] = '\0';
	n->wanted = n->id != FIELD_OTHER ? want->field[n->id] : want->others;
	if (kept) {
		n->next = st->names[hash % NAME_SLOTS];
		st->names[hash % NAME_SLOTS] = n;
	}
	return n;
}

/* Fields of System keep their names to themselves. */
static bool
is_system_id(unsigned id)
{
	return id >= FIELD_WIN_CHANNEL && id <= FIELD_WIN_ACTIVITY;
}

/* The name in st->text, for what stands in this section. */
static struct name *
text_name(struct evtx *st, enum section sec)
{
	const char *prefix = sec == SEC_DATA ? "EventData_" : "UserData_";
	size_t n = strlen(prefix), len = st->text.len;
	struct name *name;

	if (len == 0 || st->text.failed)
		return NULL;
	name = intern(st, buf_view(&st->text));
	if (name == NULL || (sec != SEC_DATA && sec != SEC_TREE) ||
	    !is_system_id(name->id))
		return name;
	if (buf_room(&st->text, n) == NULL)
		return NULL;
	memmove(st->text.ptr + n, st->text.ptr, len);
	memcpy(st->text.ptr, prefix, n);
	st->text.len += n;
	return intern(st, buf_view(&st->text));
}

/* -- reading names and places -------------------------------------------- */

/* Where the cursor stands in the chunk. */
static size_t
place(const struct evtx *st, const struct cursor *c)
{
	return c->failed ? SIZE_MAX :
	    (size_t)(c->ptr - st->chunk.ptr) + st->shift;
}

/* What lies at an offset of the chunk, as far as it is at hand. */
static struct span
at_place(const struct evtx *st, size_t at, size_t len)
{
	return at < st->shift ? SPAN_NONE :
	    span_sub(st->chunk, at - st->shift, len);
}

static struct span
read_name(const struct evtx *st, struct cursor *c)
{
	size_t at = cur_le32(c);
	struct span name;
	struct cursor far;

	if (at == place(st, c)) {
		cur_skip(c, 6);
		name = cur_take(c, cur_le16(c) * 2u);
		cur_skip(c, 2);
		return name;
	}
	far = cur_of(at_place(st, at, SIZE_MAX));
	cur_skip(&far, 6);
	name = cur_take(&far, cur_le16(&far) * 2u);
	if (!cur_ok(&far))
		cur_fail(c);
	return name;
}

/* -- compiling: elements to fields --------------------------------------- */

static void
add_part(struct evtx *st, struct parts *list, struct part part)
{
	struct compiler *k = &st->k;

	if (k->nparts == PARTS_MAX) {
		limit(st);
		return;
	}
	if (list->n == 0)
		list->first = (uint16_t)k->nparts;
	else
		k->part[list->last].next = (uint16_t)k->nparts;
	list->last = (uint16_t)k->nparts;
	list->n++;
	k->part[k->nparts++] = part;
}

static void
add_op(struct evtx *st, struct op op)
{
	struct compiler *k = &st->k;
	const struct part *p = &k->part[op.text.first];

	if (op.text.n == 0) {
		op.how = OP_EMPTY;
	} else if (op.text.n > 1) {
		op.how = OP_JOIN;
	} else if (p->slot == NO_SLOT) {
		op.how = OP_FIXED;
	} else {
		op.how = OP_SLOT;
		op.slot = p->slot;
		op.optional = p->optional;
	}
	/* What nobody wants ends here, but not where XML is to come. */
	op.may_nest = op.may_nest && op.how == OP_SLOT;
	if (op.name != NULL && !op.name->wanted && !op.may_nest &&
	    op.name->id != FIELD_WIN_TIME)
		return;
	if (k->nops == OPS_MAX) {
		limit(st);
		return;
	}
	k->op[k->nops++] = op;
}

/* A value where only XML makes sense: on its own, so that the order stays. */
static void
add_xml_op(struct evtx *st, const struct elem *e, struct part part)
{
	struct op op = { .inner = e->inner };

	add_part(st, &op.text, part);
	if (op.text.n != 0)
		add_op(st, op);
}

static bool
is_blank(const struct compiler *k, const struct parts *list)
{
	uint16_t at = list->first;

	for (unsigned i = 0; i < list->n; i++, at = k->part[at].next) {
		const struct part *p = &k->part[at];

		if (p->slot != NO_SLOT)
			return false;
		for (size_t j = 0; j + 1 < p->len; j += 2)
			if (p->ptr[j + 1] != 0 || (p->ptr[j] != ' ' &&
			    (p->ptr[j] < '\t' || p->ptr[j] > '\r')))
				return false;
	}
	return true;
}

/* The name of <Data Name="...">; NULL with *dynamic when values make it. */
static struct name *
called_name(struct evtx *st, const struct elem *e, bool *dynamic)
{
	const struct compiler *k = &st->k;
	uint16_t at = e->called.first;

	*dynamic = false;
	buf_reset(&st->text);
	for (unsigned i = 0; i < e->called.n; i++, at = k->part[at].next) {
		if (k->part[at].slot != NO_SLOT) {
			*dynamic = true;
			return NULL;
		}
		put_name(st, span_of(k->part[at].ptr, k->part[at].len));
	}
	return st->text.len == 0 ? st->data : text_name(st, e->section);
}

static void
end_element(struct evtx *st)
{
	struct compiler *k = &st->k;
	struct elem *e = &k->elem[k->depth - 1];
	struct op op = {
		.text = e->text, .inner = e->inner,
		.is_system = e->section == SEC_SYSTEM, .may_nest = e->may_nest
	};
	bool dynamic = false;

	k->depth--;
	if (e->section <= SEC_EVENT)
		return;
	if (e->has_children && is_blank(k, &e->text))
		return;
	if (e->text.n == 0 && !e->is_data &&
	    (op.is_system || e->has_attrs))
		return;
	if (e->is_called) {
		op.name = called_name(st, e, &dynamic);
		if (dynamic)
			op.called = e->called;
	} else if (IS(e->name, "Data") && e->section != SEC_SYSTEM) {
		op.name = st->data;
	} else {
		buf_reset(&st->text);
		if (e->section == SEC_RENDER)
			buf_str(&st->text, "RenderingInfo_");
		put_name(st, e->name);
		op.name = text_name(st, (enum section)e->section);
	}
	if (op.name != NULL || dynamic)
		add_op(st, op);
}

static void
end_attribute(struct evtx *st)
{
	struct compiler *k = &st->k;
	struct elem *e;
	struct op op;

	if (!k->in_attr || k->depth == 0)
		return;
	k->in_attr = false;
	e = &k->elem[k->depth - 1];
	if (e->is_data && IS(k->attr, "Name")) {
		e->called = k->attr_text;
		e->is_called = true;
		return;
	}
	if (k->attr.len >= 10 && IS(span_sub(k->attr, 0, 10), "xmlns"))
		return;
	op = (struct op){
		.text = k->attr_text, .inner = SEC_TREE,
		.is_system = e->section == SEC_SYSTEM
	};
	if (op.is_system && op.text.n == 0)
		return;
	buf_reset(&st->text);
	if (e->section == SEC_RENDER)
		buf_str(&st->text, "RenderingInfo_");
	put_name(st, e->name);
	if (!op.is_system || !IS(e->name, "TimeCreated") ||
	    !IS(k->attr, "SystemTime")) {
		buf_byte(&st->text, '_');
		put_name(st, k->attr);
	}
	op.name = text_name(st, (enum section)e->section);
	if (op.name != NULL)
		add_op(st, op);
}

static enum section
inner_section(enum section outer, struct span name)
{
	switch (outer) {
	case SEC_TOP:
		if (IS(name, "Event"))
			return SEC_EVENT;
		__attribute__((__fallthrough__));
	case SEC_EVENT:
		if (IS(name, "System"))
			return SEC_SYSTEM;
		if (IS(name, "EventData"))
			return SEC_DATA;
		if (IS(name, "RenderingInfo"))
			return SEC_RENDER;
		return SEC_TREE;
	default:
		return outer;
	}
}

/* Notes that the bytes of a name do not count for what the template is. */
static void
add_hole(struct evtx *st, const uint8_t *from, const uint8_t *to, unsigned pre,
    struct span name, unsigned post)
{
	struct compiler *k = &st->k;
	uint8_t units[2];
	size_t n;

	if (!k->in_template || k->broken)
		return;
	n = (size_t)(from - k->fixed_from);
	if (k->nholes == HOLES_MAX || n > UINT16_MAX) {
		k->broken = true;
		limit(st);
		return;
	}
	buf_put(&k->fixed, k->fixed_from, n);
	units[0] = (uint8_t)(name.len / 2);
	units[1] = (uint8_t)(name.len / 2 >> 8);
	buf_put(&k->fixed, units, 2);
	buf_span(&k->fixed, name);
	k->hole[k->nholes++] = (struct hole){
		(uint16_t)n, (uint8_t)pre, (uint8_t)post
	};
	k->fixed_from = to;
}

static bool
open_element(struct evtx *st, struct cursor *c, bool has_attrs,
    enum section outer)
{
	struct compiler *k = &st->k;
	const uint8_t *from;
	struct elem *e;
	struct span name;

	if (k->in_start)
		return false;
	/* The dependency is a slot whose null value would drop the element;
	 * in no intact record does it drop what its own value does not. */
	if (k->in_template)
		cur_skip(c, 2);
	from = c->ptr;
	cur_skip(c, 4);
	name = read_name(st, c);
	if (has_attrs)
		cur_skip(c, 4);
	if (!cur_ok(c))
		return false;
	add_hole(st, from, c->ptr, 4, name, has_attrs ? 4 : 0);
	if (k->depth == DEPTH_MAX) {
		limit(st);
		return false;
	}
	if (k->depth != 0) {
		k->elem[k->depth - 1].has_children = true;
		outer = (enum section)k->elem[k->depth - 1].inner;
	}
	e = &k->elem[k->depth++];
	*e = (struct elem){
		.name = name, .section = (uint8_t)outer,
		.inner = (uint8_t)inner_section(outer, name)
	};
	if (outer == SEC_TOP && e->inner != SEC_EVENT)
		e->section = SEC_EVENT;
	e->is_data = (outer == SEC_DATA || outer == SEC_TREE) &&
	    (IS(name, "Data") || IS(name, "ComplexData"));
	k->in_start = true;
	return true;
}

static bool
open_attribute(struct evtx *st, struct cursor *c)
{
	struct compiler *k = &st->k;
	const uint8_t *from = c->ptr;
	struct elem *e;

	if (!k->in_start || k->depth == 0)
		return false;
	end_attribute(st);
	k->attr = read_name(st, c);
	if (!cur_ok(c))
		return false;
	add_hole(st, from, c->ptr, 0, k->attr, 0);
	e = &k->elem[k->depth - 1];
	e->has_attrs = true;
	k->attr_text = (struct parts){ 0 };
	k->in_attr = true;
	return true;
}

/* Contents go to the open attribute, else to the open element. */
static void
add_content(struct evtx *st, struct part part, uint8_t type)
{
	struct compiler *k = &st->k;
	struct elem *e;

	if (k->depth == 0)
		return;
	e = &k->elem[k->depth - 1];
	if (k->in_start) {
		if (k->in_attr)
			add_part(st, &k->attr_text, part);
		return;
	}
	if (part.slot != NO_SLOT && e->section <= SEC_EVENT) {
		add_xml_op(st, e, part);
		return;
	}
	e->may_nest = e->may_nest || type == BX_XML;
	add_part(st, &e->text, part);
}

static void
add_fixed(struct evtx *st, struct span wide)
{
	add_content(st, (struct part){
		.ptr = wide.ptr, .len = (uint32_t)wide.len, .slot = NO_SLOT
	}, BX_STRING);
}

/* XML 1.0, 4.6; others stay as they are written. */
static void
add_entity(struct evtx *st, struct span name)
{
	static const struct {
		char	name[5];
		uint8_t	unit[2];
	} known[] = {
		{ "amp", "&" }, { "lt", "<" }, { "gt", ">" },
		{ "quot", "\"" }, { "apos", "'" }
	};
	static const uint8_t open[] = { '&', 0 }, close[] = { ';', 0 };

	for (size_t i = 0; i < NITEMS(known); i++)
		if (is_called(name, known[i].name, strlen(known[i].name))) {
			add_fixed(st, span_of(known[i].unit, 2));
			return;
		}
	add_fixed(st, span_of(open, 2));
	add_fixed(st, name);
	add_fixed(st, span_of(close, 2));
}

static bool
read_content(struct evtx *st, struct cursor *c, uint8_t token)
{
	const uint8_t *from = c->ptr;
	struct part part = { 0 };
	struct span name;
	uint8_t type;

	switch (token) {
	case TOK_VALUE:
		if (cur_u8(c) != BX_STRING)
			return false;
		__attribute__((__fallthrough__));
	case TOK_CDATA:
		add_fixed(st, cur_take(c, cur_le16(c) * 2u));
		break;
	case TOK_CHAR:
		add_fixed(st, cur_take(c, 2));
		break;
	case TOK_ENTITY:
	case TOK_PI_TARGET:
		name = read_name(st, c);
		if (!cur_ok(c))
			return false;
		add_hole(st, from, c->ptr, 0, name, 0);
		if (token == TOK_ENTITY)
			add_entity(st, name);
		break;
	case TOK_PI_DATA:
		cur_skip(c, cur_le16(c) * 2u);
		break;
	default:
		part.optional = token == TOK_OPT_SUB;
		part.slot = cur_le16(c);
		type = cur_u8(c);
		if (part.slot == NO_SLOT)
			return false;
		add_content(st, part, type);
		break;
	}
	return cur_ok(c);
}

/*
 * Reads elements up to the end of the fragment (templates) or of the element
 * that the cursor stands at.  False when the grammar breaks; what was read
 * before stays.
 */
static bool
compile_tokens(struct evtx *st, struct cursor *c, enum section section)
{
	struct compiler *k = &st->k;

	while (c->left != 0) {
		uint8_t full = cur_u8(c), token = full & ~TOK_MORE & 0xff;
		bool is_end = false;

		switch (token) {
		case TOK_EOF:
			return k->depth == 0;
		case TOK_OPEN:
			if (!open_element(st, c, (full & TOK_MORE) != 0,
			    section))
				return false;
			break;
		case TOK_CLOSE_START:
		case TOK_CLOSE_EMPTY:
			if (!k->in_start)
				return false;
			end_attribute(st);
			k->in_start = false;
			is_end = token == TOK_CLOSE_EMPTY;
			break;
		case TOK_END:
			if (k->in_start || k->depth == 0)
				return false;
			is_end = true;
			break;
		case TOK_ATTR:
			if (!open_attribute(st, c))
				return false;
			break;
		case TOK_FRAGMENT:
			cur_skip(c, 3);
			break;
		case TOK_INSTANCE:
			return false;
		default:
			if (token > TOK_OPT_SUB || !read_content(st, c, token))
				return false;
		}
		if (!is_end)
			continue;
		end_element(st);
		if (k->depth == 0 && !k->in_template)
			return true;
	}
	return cur_ok(c) && k->depth == 0;
}

static void
compile(struct evtx *st, struct cursor *c, bool in_template,
    enum section section)
{
	struct compiler *k = &st->k;

	k->depth = 0;
	k->nops = k->nparts = k->nholes = 0;
	k->in_start = k->in_attr = false;
	k->in_template = in_template;
	k->broken = false;
	k->fixed_from = c->ptr;
	buf_reset(&k->fixed);
	if (!compile_tokens(st, c, section))
		k->broken = true;
	/* What stands in elements that did not end is told as well. */
	if (k->broken)
		end_attribute(st);
	while (k->depth != 0)
		end_element(st);
}

/* -- templates ----------------------------------------------------------- */

/* Is this definition what the template was compiled from, but for offsets? */
static bool
same_template(const struct evtx *st, const struct tpl *t, struct cursor c)
{
	struct cursor f = cur_of(t->fixed);

	for (uint32_t i = 0; i < t->nholes; i++) {
		const struct hole *h = &t->hole[i];
		struct span a = cur_take(&f, h->before);
		struct span b = cur_take(&c, h->before), name;

		if (!cur_ok(&c) || !span_eq(a, b))
			return false;
		cur_skip(&c, h->pre);
		name = read_name(st, &c);
		cur_skip(&c, h->post);
		if (!cur_ok(&c) || name.len != cur_le16(&f) * 2u ||
		    !span_eq(name, cur_take(&f, name.len)))
			return false;
	}
	return span_eq(cur_take(&c, t->tail), cur_take(&f, t->tail)) &&
	    cur_ok(&c);
}

/* A lasting copy of what was compiled. */
static struct tpl *
keep_template(struct evtx *st, const uint8_t *end, enum section section,
    bool *kept)
{
	struct compiler *k = &st->k;
	size_t texts = 0, size;
	struct tpl *t;
	struct op *op;
	struct part *part;
	struct hole *hole;
	uint8_t *p;

	buf_put(&k->fixed, k->fixed_from, (size_t)(end - k->fixed_from));
	for (uint32_t i = 0; i < k->nparts; i++)
		texts += k->part[i].len;
	size = sizeof(*t) + k->nops * sizeof(*op) + k->nparts * sizeof(*part) +
	    k->nholes * sizeof(*hole) + texts + k->fixed.len;
	if (k->fixed.failed || (t = get_mem(st, size, kept)) == NULL)
		return NULL;
	op = (struct op *)(t + 1);
	part = (struct part *)(op + k->nops);
	hole = (struct hole *)(part + k->nparts);
	p = (uint8_t *)(hole + k->nholes);
	memcpy(op, k->op, k->nops * sizeof(*op));
	memcpy(part, k->part, k->nparts * sizeof(*part));
	memcpy(hole, k->hole, k->nholes * sizeof(*hole));
	for (uint32_t i = 0; i < k->nparts; i++) {
		if (part[i].len == 0)
			continue;
		memcpy(p, part[i].ptr, part[i].len);
		part[i].ptr = p;
		p += part[i].len;
	}
	if (k->fixed.len != 0)
		memcpy(p, k->fixed.ptr, k->fixed.len);
	*t = (struct tpl){
		.op = op, .part = part, .hole = hole,
		.fixed = span_of(p, k->fixed.len), .nops = k->nops,
		.nholes = k->nholes,
		.tail = (uint32_t)(end - k->fixed_from),
		.section = (uint8_t)section, .broken = k->broken
	};
	return t;
}

/* The definition at an offset of the chunk.  *guid gets its GUID. */
static struct cursor
definition(const struct evtx *st, size_t at, struct span *guid)
{
	struct cursor c = cur_of(at_place(st, at, SIZE_MAX));

	cur_skip(&c, 4);
	*guid = cur_take(&c, 16);
	return cur_sub(&c, cur_le32(&c));
}

static const struct tpl *
find_template(struct evtx *st, size_t at, uint32_t id, enum section section,
    bool *kept)
{
	struct tpl **head = &st->tpls[id % TPL_SLOTS], *t;
	struct span guid;
	struct cursor c = definition(st, at, &guid), body = c;
	unsigned tries = SAME_ID_MAX;
	bool is_there = cur_ok(&c) && load_le32(guid.ptr) == id;

	*kept = true;
	if (!spend(st, 16 + c.left / 16))
		return NULL;
	for (t = *head; t != NULL && tries != 0; t = t->next) {
		if (load_le32(t->guid) != id || t->section != section)
			continue;
		/* Lost or overwritten: another chunk had one of the id. */
		if (!is_there)
			break;
		tries--;
		if (!t->broken && memcmp(t->guid, guid.ptr, 16) == 0 &&
		    same_template(st, t, c))
			return t;
	}
	if (!is_there) {
		weird(st, WEIRD_EVTX_TEMPLATE);
		return t;
	}
	if (!spend(st, c.left / 4))
		return NULL;
	compile(st, &body, true, section);
	t = keep_template(st, cur_ok(&body) ? body.ptr : st->k.fixed_from,
	    section, kept);
	if (t == NULL)
		return NULL;
	memcpy(t->guid, guid.ptr, 16);
	if (*kept) {
		t->next = *head;
		*head = t;
	}
	return t;
}

static const struct tpl *
get_template(struct evtx *st, size_t at, uint32_t id, enum section section)
{
	struct memo *m = &st->memo[(at ^ at >> 10 ^ section << 5) % MEMO_SLOTS];
	const struct tpl *t;
	bool kept;

	if (m->chunk_no == st->chunk_no && m->at == at &&
	    m->section == section && load_le32(m->tpl->guid) == id)
		return m->tpl;
	t = find_template(st, at, id, section, &kept);
	if (t != NULL && kept)
		*m = (struct memo){
			.tpl = t, .chunk_no = st->chunk_no,
			.at = (uint32_t)at, .section = (uint8_t)section
		};
	return t;
}

/* -- values -------------------------------------------------------------- */

static inline uint64_t
load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	switch (n) {
	case 1: return p[0];
	case 2: return load_le16(p);
	case 4: return load_le32(p);
	case 8: return load_le64(p);
	}
	while (n-- != 0)
		v = v << 8 | p[n];
	return v;
}

static void
set_bytes(struct value *v, enum vtype type, const void *ptr, size_t len)
{
	v->type = (uint8_t)type;
	v->len = (uint32_t)len;
	v->ptr = ptr;
}

static void
set_num(struct value *v, enum vtype type, uint64_t n)
{
	v->type = (uint8_t)type;
	v->len = 0;
	v->u64 = n;
}

static void
set_signed(struct value *v, struct span s)
{
	unsigned shift = 64 - (unsigned)s.len * 8;

	v->type = VT_I64;
	v->len = 0;
	v->i64 = (int64_t)(load_le(s.ptr, s.len) << shift) >> shift;
}

static void
set_copy(struct evtx *st, struct value *v, struct span s)
{
	struct span kept = arena_copy(&st->batch->arena, s);

	if (kept.ptr == NULL)
		weird(st, WEIRD_BATCH_ARENA);
	set_bytes(v, VT_STR, kept.ptr, kept.len);
}

/* Text of a time before 1677 or after 2262, which TIME cannot hold: mostly 0,
 * that is 1601, for "never". */
static void
set_far_time(struct evtx *st, struct value *v, uint64_t filetime)
{
	uint64_t sec = filetime / 10000000, day = sec / 86400;
	uint64_t era = day / 146097, doe, yoe, doy, mp;

	/* Days to civil date in eras of 400 years from 1601-03-01 on. */
	day += 306;
	era = day / 146097;
	doe = day % 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	buf_reset(&st->text);
	buf_printf(&st->text, "%04u-%02u-%02uT%02u:%02u:%02uZ",
	    (unsigned)(1600 + yoe + era * 400 + (mp >= 10)),
	    (unsigned)(mp < 10 ? mp + 3 : mp - 9),
	    (unsigned)(doy - (153 * mp + 2) / 5 + 1),
	    (unsigned)(sec / 3600 % 24), (unsigned)(sec / 60 % 60),
	    (unsigned)(sec % 60));
	set_copy(st, v, buf_view(&st->text));
}

static void
set_filetime(struct evtx *st, struct value *v, struct span s)
{
	uint64_t n = load_le64(s.ptr);
	int64_t t = time_from_filetime(n);

	if (t == TIME_NONE)
		set_far_time(st, v, n);
	else
		set_num(v, VT_TIME, (uint64_t)t);
}

/* SYSTEMTIME: year, month, day of week, day, hour, minute, second, ms. */
static void
set_systemtime(struct value *v, struct span s)
{
	unsigned n[8];
	int64_t t;

	for (unsigned i = 0; i < 8; i++)
		n[i] = load_le16(s.ptr + i * 2);
	if (n[0] < 1678 || n[0] > 2261 || n[1] < 1 || n[1] > 12 || n[3] < 1 ||
	    n[3] > 31 || n[4] > 23 || n[5] > 59 || n[6] > 60 || n[7] > 999) {
		set_bytes(v, VT_BIN, s.ptr, s.len);
		return;
	}
	t = time_civil(n[0], n[1], n[3], n[4], n[5], n[6]) * NSEC +
	    n[7] * INT64_C(1000000);
	set_num(v, VT_TIME, (uint64_t)t);
}

/* ANSI text has no code page with it; 1252 is the commonest. */
static void
set_ansi(struct evtx *st, struct value *v, struct span s)
{
	/* 0x80 to 0x9f of code page 1252; 0: none */
	static const uint16_t high[32] = {
		0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
		0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0,
		0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
		0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178
	};
	size_t i = 0;

	while (s.len != 0 && s.ptr[s.len - 1] == 0)
		s.len--;
	while (i < s.len && s.ptr[i] < 0x80)
		i++;
	if (i == s.len) {
		set_bytes(v, VT_STR, s.ptr, s.len);
		return;
	}
	buf_reset(&st->text);
	for (i = 0; i < s.len; i++) {
		unsigned c = s.ptr[i];
		uint8_t unit[2];

		if (c >= 0x80 && c < 0xa0 && high[c - 0x80] != 0)
			c = high[c - 0x80];
		unit[0] = (uint8_t)c;
		unit[1] = (uint8_t)(c >> 8);
		put_wide(&st->text, span_of(unit, 2));
	}
	set_copy(st, v, buf_view(&st->text));
}

static void
set_float(struct value *v, struct span s)
{
	float f;

	v->type = VT_F64;
	v->len = 0;
	if (s.len == 8) {
		memcpy(&v->f64, s.ptr, 8);
	} else {
		memcpy(&f, s.ptr, 4);
		v->f64 = (double)f;
	}
}

/* Bytes that each type should have; 0: any. */
static const uint8_t type_size[] = {
	[BX_I8] = 1, [BX_U8] = 1, [BX_I16] = 2, [BX_U16] = 2, [BX_I32] = 4,
	[BX_U32] = 4, [BX_I64] = 8, [BX_U64] = 8, [BX_F32] = 4, [BX_F64] = 8,
	[BX_BOOL] = 4, [BX_GUID] = 16, [BX_SIZE] = 8, [BX_FILETIME] = 8,
	[BX_SYSTIME] = 16, [BX_HEX32] = 4, [BX_HEX64] = 8
};

/* Numbers, which may be wider or narrower than their type says. */
static bool
set_number(struct value *v, unsigned type, struct span s)
{
	bool any = false;

	if (type == BX_BOOL) {
		for (size_t i = 0; i < s.len; i++)
			any = any || s.ptr[i] != 0;
		set_num(v, VT_BOOL, any);
		return true;
	}
	if (s.len > 8)
		return false;
	switch (type) {
	case BX_U8: case BX_U16: case BX_U32: case BX_U64:
		set_num(v, VT_U64, load_le(s.ptr, s.len));
		return true;
	case BX_I8: case BX_I16: case BX_I32: case BX_I64:
		set_signed(v, s);
		return true;
	case BX_HEX32: case BX_HEX64: case BX_SIZE: case BX_HANDLE:
		set_num(v, VT_HEX, load_le(s.ptr, s.len));
		return true;
	case BX_F32: case BX_F64:
		if (s.len != 4 && s.len != 8)
			return false;
		set_float(v, s);
		return true;
	}
	return false;
}

static void
set_rare(struct evtx *st, struct value *v, unsigned type, struct span s)
{
	bool fits = type < NITEMS(type_size) && s.len == type_size[type];

	switch (type) {
	case BX_ANSI:
		set_ansi(st, v, s);
		return;
	case BX_SID:
		if (s.len < 8 || s.len < 8 + 4u * s.ptr[1])
			break;
		set_bytes(v, VT_SID, s.ptr, 8 + 4u * s.ptr[1]);
		return;
	case BX_GUID:
		if (!fits)
			break;
		set_bytes(v, VT_GUID, s.ptr, s.len);
		return;
	case BX_FILETIME:
		if (!fits)
			break;
		set_filetime(st, v, s);
		return;
	case BX_SYSTIME:
		if (!fits)
			break;
		set_systemtime(v, s);
		return;
	default:
		if (set_number(v, type, s))
			return;
	}
	set_bytes(v, VT_BIN, s.ptr, s.len);
}

/* One value (no array, no XML); bytes when its size does not fit its type.
 * Nine of ten are text or plain numbers. */
static inline void
set_value(struct evtx *st, struct value *v, unsigned type, struct span s)
{
	if (s.len == 0) {
		set_bytes(v, VT_STR, "", 0);
	} else if (type == BX_STRING || type == BX_EVTXML) {
		s.len &= ~(size_t)1;
		while (s.len != 0 && s.ptr[s.len - 1] == 0 &&
		    s.ptr[s.len - 2] == 0)
			s.len -= 2;
		set_bytes(v, VT_WSTR, s.ptr, s.len);
	} else if (type == BX_U32 && s.len == 4) {
		set_num(v, VT_U64, load_le32(s.ptr));
	} else if ((type == BX_HEX64 || type == BX_U64) && s.len == 8) {
		set_num(v, type == BX_U64 ? VT_U64 : VT_HEX,
		    load_le64(s.ptr));
	} else {
		set_rare(st, v, type, s);
	}
}

/* -- telling fields ------------------------------------------------------ */

/* Logs that were exported or forwarded hold System as text. */
static void
number_of_text(struct value *v, enum ftype want)
{
	char narrow[40];
	const uint8_t *p = v->ptr;
	size_t step = v->type == VT_WSTR ? 2 : 1, n = v->len / step;
	struct value text = { .type = VT_STR, .ptr = narrow };
	uint64_t num;
	int64_t t;

	if (n == 0 || n > sizeof(narrow))
		return;
	for (size_t i = 0; i < n; i++) {
		if (step == 2 && p[2 * i + 1] != 0)
			return;
		narrow[i] = (char)p[step * i];
	}
	text.len = (uint32_t)n;
	if (want == FT_TIME) {
		if (time_parse(span_of(narrow, n), &t))
			set_num(v, VT_TIME, (uint64_t)t);
	} else if (want == FT_U64 || want == FT_HEX) {
		if (value_u64(&text, &num))
			set_num(v, want == FT_HEX ? VT_HEX : VT_U64, num);
	}
}

/* A place for one more value of a field that the record has already: lists
 * grow by doubling whenever their length is a power of two. */
static struct value *
list_place(struct evtx *st, struct value *list)
{
	struct value *items, first;
	uint32_t n = list->len;

	if (list->type != VT_LIST) {
		first = *list;
		first.id = 0;
		items = arena_alloc(&st->batch->arena, 4 * sizeof(*items));
		if (items == NULL) {
			weird(st, WEIRD_BATCH_ARENA);
			return NULL;
		}
		items[0] = first;
		set_bytes(list, VT_LIST, items, 1);
		n = 1;
	} else if (n >= 4 && (n & (n - 1)) == 0) {
		items = arena_alloc(&st->batch->arena,
		    2 * (size_t)n * sizeof(*items));
		if (items == NULL) {
			weird(st, WEIRD_BATCH_ARENA);
			return NULL;
		}
		memcpy(items, list->ptr, n * sizeof(*items));
		list->ptr = items;
	}
	items = (struct value *)(uintptr_t)list->ptr + n;
	memset(items, 0, sizeof(*items));
	list->len = n + 1;
	return items;
}

/* The place for a value of the field; NULL: there is none. */
static struct value *
value_place(struct evtx *st, struct name *name)
{
	struct batch *b = st->batch;
	struct value *v;

	if (name->record == st->record)
		return list_place(st, &b->scratch[name->index].v);
	name->index = (uint16_t)b->nscratch;
	v = name->id != FIELD_OTHER ? event_add(b, name->id, VT_NULL) :
	    event_add_other(b, name->text, VT_NULL);
	if (v == NULL)
		st->budget = 0;
	else
		name->record = st->record;
	return v;
}

/* Data is a list even when it has one item. */
static void
listed(struct evtx *st, const struct name *name, struct value *v)
{
	if (name == st->data && v == &st->batch->scratch[name->index].v &&
	    list_place(st, v) != NULL)
		v->len = 1;
}

static void
tell(struct evtx *st, struct name *name, const struct value *from)
{
	struct value *v;

	if ((v = value_place(st, name)) == NULL)
		return;
	v->type = from->type;
	v->len = from->len;
	v->u64 = from->u64;
	listed(st, name, v);
}

static void
tell_system(struct evtx *st, struct name *name, struct value *v)
{
	enum ftype want = field_type(name->id);

	if ((v->type == VT_WSTR || v->type == VT_STR) && want != FT_STR)
		number_of_text(v, want);
	if (name->id == FIELD_WIN_TIME && v->type == VT_TIME)
		st->batch->making.time = v->i64;
	if (name->wanted)
		tell(st, name, v);
}

static void
tell_one(struct evtx *st, const struct op *op, struct name *name,
    unsigned type, struct span s)
{
	struct value v, *to;

	/* The time of the event is always read. */
	if (!spend(st, 1 + s.len / 16) ||
	    (!name->wanted && name->id != FIELD_WIN_TIME))
		return;
	if (!op->is_system) {
		if ((to = value_place(st, name)) != NULL) {
			set_value(st, to, type, s);
			listed(st, name, to);
		}
		return;
	}
	v = (struct value){ .type = VT_NULL };
	set_value(st, &v, type, s);
	tell_system(st, name, &v);
}

/* The next item of an array, its end included, or all when it is the last. */
static struct span
take_item(struct cursor *c, unsigned type)
{
	struct span rest = cur_rest(c), item;
	size_t n = type < NITEMS(type_size) ? type_size[type] : 0, unit = 1;

	switch (type) {
	case BX_STRING:
	case BX_EVTXML:
		unit = 2;
		__attribute__((__fallthrough__));
	case BX_ANSI:
		for (n = 0; n + unit <= rest.len; n += unit)
			if (rest.ptr[n] == 0 && rest.ptr[n + unit - 1] == 0)
				break;
		item = span_sub(rest, 0, n);
		cur_skip(c, MIN_OF(n + unit, rest.len));
		return item;
	case BX_SID:
		n = 8 + 4u * cur_peek(c, 1);
		break;
	case BX_SIZE:
		n = rest.len % 8 == 0 ? 8 : 4;
		break;
	}
	if (n == 0 || n > rest.len)
		n = rest.len;
	return cur_take(c, n);
}

static void
tell_value(struct evtx *st, const struct op *op, struct name *name,
    unsigned type, struct span s)
{
	struct cursor c = cur_of(s);

	if ((type & BX_ARRAY) == 0 || s.len == 0) {
		tell_one(st, op, name, type, s);
		return;
	}
	while (c.left != 0 && st->budget > 0)
		tell_one(st, op, name, type & ~BX_ARRAY,
		    take_item(&c, type & ~BX_ARRAY));
}

/* The value in a slot; null when the record has fewer. */
static struct val
slot_value(const struct evtx *st, const struct frame *f, unsigned slot)
{
	return unpack_val(slot < f->nvals ? st->val[f->val + slot] : 0);
}

static struct span
val_span(const struct evtx *st, struct val v)
{
	return at_place(st, v.at, v.size);
}

/* Appends the text of several parts to st->text. */
static bool
join(struct evtx *st, const struct frame *f, struct parts list, struct buf *to)
{
	uint16_t at = list.first;

	for (unsigned i = 0; i < list.n; i++) {
		const struct part *p = &f->tpl->part[at];
		unsigned type = BX_STRING;
		struct span s = span_of(p->ptr, p->len);
		struct value v = { .type = VT_NULL };
		struct val val;

		if (p->slot != NO_SLOT) {
			val = slot_value(st, f, p->slot);
			type = val.type;
			s = val_span(st, val);
		}
		if (!spend(st, 1 + s.len / 8))
			return false;
		/* XML inside of text is not told. */
		if (type == BX_NULL || type == BX_XML) {
			at = p->next;
			continue;
		}
		set_value(st, &v, type, s);
		value_put(to, &v);
		at = p->next;
	}
	return !to->failed;
}

/* The name that <Data Name="..."> gets from values. */
static struct name *
dynamic_name(struct evtx *st, const struct frame *f, const struct op *op)
{
	struct buf full;
	struct name *name = NULL;

	buf_init(&full, NAME_MAX_UNITS * 3);
	if (join(st, f, op->called, &full)) {
		size_t to = 0;

		for (size_t i = 0; i < full.len && full.ptr[i] != 0; i++)
			if (full.ptr[i] != ' ')
				full.ptr[to++] = full.ptr[i];
		full.len = to;
		buf_reset(&st->text);
		buf_span(&st->text, buf_view(&full));
		name = to == 0 ? st->data : text_name(st, SEC_DATA);
	} else if (full.failed) {
		limit(st);
	}
	buf_fini(&full);
	return name;
}

static void
tell_joined(struct evtx *st, const struct frame *f, const struct op *op,
    struct name *name)
{
	struct value v = { .type = VT_NULL };
	struct buf full;

	buf_init(&full, TEXT_MAX);
	if (join(st, f, op->text, &full)) {
		set_copy(st, &v, buf_view(&full));
		if (op->is_system)
			tell_system(st, name, &v);
		else
			tell(st, name, &v);
	} else if (full.failed) {
		limit(st);
	}
	buf_fini(&full);
}

/* -- running ------------------------------------------------------------- */

static void
push(struct evtx *st, struct cursor c, unsigned section)
{
	struct frame *f;

	if (st->depth == DEPTH_MAX) {
		limit(st);
		return;
	}
	f = &st->frame[st->depth++];
	f->rest = c;
	f->tpl = NULL;
	f->section = (uint8_t)section;
}

static void
run_op(struct evtx *st, struct frame *f, const struct op *op)
{
	struct name *name = op->name;
	const struct part *p;
	struct val val;

	if (!spend(st, 1))
		return;
	if (op->how == OP_SLOT) {
		val = slot_value(st, f, op->slot);
		if (val.type == BX_XML) {
			push(st, cur_of(val_span(st, val)), op->inner);
			return;
		}
		if ((val.type == BX_NULL || val.size == 0) &&
		    (op->optional || op->is_system))
			return;
	}
	if (name == NULL) {
		if (op->called.n == 0 ||
		    (name = dynamic_name(st, f, op)) == NULL)
			return;
	}
	switch ((enum how)op->how) {
	case OP_EMPTY:
		tell_one(st, op, name, BX_NULL, SPAN_NONE);
		break;
	case OP_FIXED:
		p = &f->tpl->part[op->text.first];
		tell_one(st, op, name, BX_STRING, span_of(p->ptr, p->len));
		break;
	case OP_SLOT:
		tell_value(st, op, name, val.type, val_span(st, val));
		break;
	case OP_JOIN:
		tell_joined(st, f, op, name);
		break;
	}
}

/* Descriptors and values of an instance.  What is not there stays null. */
static bool
read_values(struct evtx *st, struct frame *f, struct cursor *c)
{
	uint32_t n = cur_le32(c), base = st->nvals, at, end;
	const uint8_t *desc;

	if (n > c->left / 4 || n > VALUES_MAX - base) {
		cur_fail(c);
		return false;
	}
	desc = cur_take(c, n * 4u).ptr;
	at = (uint32_t)place(st, c);
	end = at + (uint32_t)c->left;
	f->val = base;
	f->nvals = 0;
	for (uint32_t i = 0; i < n; i++, desc += 4) {
		uint16_t size = load_le16(desc);

		if (size > end - at) {
			cur_fail(c);
			break;
		}
		st->val[base + i] = pack_val(at, size, desc[2]);
		at += size;
		f->nvals++;
	}
	if (cur_ok(c))
		cur_skip(c, c->left - (end - at));
	st->nvals = base + f->nvals;
	return cur_ok(c);
}

/* An instance: its template becomes the frame's. */
static void
open_instance(struct evtx *st, struct frame *f)
{
	struct cursor *c = &f->rest;
	const struct tpl *t;
	uint32_t id, at;

	cur_skip(c, 1);
	id = cur_le32(c);
	at = cur_le32(c);
	if (cur_ok(c) && at == place(st, c)) {
		cur_skip(c, 20);
		cur_skip(c, cur_le32(c));
	}
	if (!cur_ok(c)) {
		weird(st, WEIRD_EVTX_BINXML);
		return;
	}
	if ((t = get_template(st, at, id, (enum section)f->section)) == NULL) {
		cur_fail(c);
		return;
	}
	if (!read_values(st, f, c) || t->broken)
		weird(st, WEIRD_EVTX_BINXML);
	f->tpl = t;
	f->op = 0;
}

/* An element without template.  It holds no values, so nothing is pushed while
 * it runs and one scratch template serves. */
static void
open_raw(struct evtx *st, struct frame *f)
{
	struct compiler *k = &st->k;

	if (!spend(st, 1))
		return;
	f->rest.ptr--;
	f->rest.left++;
	compile(st, &f->rest, false, (enum section)f->section);
	if (k->broken) {
		weird(st, WEIRD_EVTX_BINXML);
		cur_fail(&f->rest);
	}
	st->raw.op = k->op;
	st->raw.part = k->part;
	st->raw.nops = k->nops;
	f->tpl = &st->raw;
	f->op = 0;
	f->val = st->nvals;
	f->nvals = 0;
}

/* The next token of a fragment; false at its end. */
static bool
run_token(struct evtx *st, struct frame *f)
{
	struct cursor *c = &f->rest;
	struct span rest = cur_rest(c);

	if (c->left == 0)
		return false;
	switch (cur_u8(c)) {
	case TOK_EOF:
		/* Several fragments may follow each other; but records are
		 * padded to 8 bytes with what was there before. */
		return c->left > PADDING_MAX &&
		    cur_peek(c, 0) == TOK_FRAGMENT;
	case TOK_FRAGMENT:
		cur_skip(c, 3);
		return true;
	case TOK_INSTANCE:
		open_instance(st, f);
		return true;
	case TOK_OPEN:
	case TOK_OPEN | TOK_MORE:
		if (!spend(st, rest.len / 64))
			return false;
		open_raw(st, f);
		return true;
	case TOK_PI_TARGET:
		(void)read_name(st, c);
		return true;
	case TOK_PI_DATA:
		cur_skip(c, cur_le16(c) * 2u);
		return true;
	}
	weird(st, WEIRD_EVTX_BINXML);
	return false;
}

/* The fields of an instance, to its end or to XML in a value. */
static void
run_instance(struct evtx *st, struct frame *f)
{
	const struct tpl *t = f->tpl;
	const unsigned depth = st->depth;

	while (f->op < t->nops) {
		run_op(st, f, &t->op[f->op++]);
		if (st->depth != depth || st->budget <= 0)
			return;
	}
	st->nvals = f->val;
	f->tpl = NULL;
}

static void
run(struct evtx *st, struct cursor c)
{
	st->depth = 0;
	st->nvals = 0;
	push(st, c, SEC_TOP);
	while (st->depth != 0 && st->budget > 0) {
		struct frame *f = &st->frame[st->depth - 1];

		if (f->tpl != NULL)
			run_instance(st, f);
		else if (!run_token(st, f))
			st->depth--;
	}
}

static void
start(struct evtx *st)
{
	arena_init(&st->mem, MEM_MAX);
	buf_init(&st->text, TEXT_MAX);
	buf_init(&st->k.fixed, 4 * CHUNK_MAX);
	st->ready = true;
}

/* Drops templates and names; no event may point to them. */
static void
forget(struct evtx *st)
{
	arena_reset(&st->mem);
	memset(st->names, 0, sizeof(st->names));
	memset(st->tpls, 0, sizeof(st->tpls));
	st->data = NULL;
	st->is_full = false;
	st->chunk_no++;
}

/*
 * A record without its chunk: where its start lay there.  The first thing that
 * it refers to says so, if it stands right behind the reference: the template
 * of an instance (known by its id), or the name of an element (known by its
 * terminator).  0: it is not known.
 */
static uint32_t
lone_shift(struct span record)
{
	struct cursor c = cur_of(record);
	uint32_t id, at, lies_at;
	uint8_t token;
	bool here;

	cur_skip(&c, RECORD_HEADER + 4);	/* and the fragment's */
	token = cur_u8(&c);
	if (token == TOK_INSTANCE) {
		cur_skip(&c, 1);
		id = cur_le32(&c);
		at = cur_le32(&c);
		lies_at = (uint32_t)(record.len - c.left);
		cur_skip(&c, 4);
		here = cur_le32(&c) == id;
	} else if ((token & ~TOK_MORE) == TOK_OPEN) {
		cur_skip(&c, 4);
		at = cur_le32(&c);
		lies_at = (uint32_t)(record.len - c.left);
		cur_skip(&c, 6);
		cur_skip(&c, cur_le16(&c) * 2u);
		here = cur_le16(&c) == 0;
	} else {
		return 0;
	}
	return here && cur_ok(&c) && at >= lies_at && at < CHUNK_MAX ?
	    at - lies_at : 0;
}

/* Where the record lies; false when it does not lie in its chunk. */
static bool
enter(struct evtx *st, const struct record *rec)
{
	struct span whole = rec->whole;
	uint32_t own;
	uint64_t at;
	size_t off;

	if (rec->data.len < RECORD_HEADER + RECORD_TAIL)
		return false;
	if (whole.ptr == NULL)
		whole = rec->data;
	off = (size_t)((uintptr_t)rec->data.ptr - (uintptr_t)whole.ptr);
	if (whole.len > CHUNK_MAX || off > whole.len ||
	    rec->data.len > whole.len - off)
		return false;
	at = rec->offset - off;
	if (at != st->chunk_at || st->chunk_no == 0 ||
	    (rec->flags & REC_F_FIRST) != 0) {
		st->chunk_no++;
		st->chunk_at = at;
	}
	st->chunk = whole;
	st->shift = 0;
	if ((rec->flags & REC_F_LONE) == 0)
		return true;
	/* What it says itself counts more than what a neighbour said, which
	 * may be of another chunk. */
	st->shift = lone_shift(whole);
	own = lone_shift(rec->data);
	if (own != 0 && own != st->shift + off) {
		st->chunk_no++;
		st->chunk = rec->data;
		st->shift = own;
	}
	return true;
}

static void
evtx_record(struct dec *d, void *state, const struct record *rec)
{
	struct evtx *st = state;
	struct span xml;

	if (!event_begin(d->batch, KIND_WINEVENT, rec->time,
	    batch_locator(d->batch, rec)))
		return;
	st->batch = d->batch;
	st->rec = rec;
	if (!st->ready)
		start(st);
	if (st->is_full && rec == d->batch->records)
		forget(st);
	if (!enter(st, rec)) {
		weird(st, WEIRD_EVTX_RECORD);
		event_drop(d->batch);
		return;
	}
	if (st->data == NULL && (st->data = intern(st,
	    SPAN_LIT("Data"))) == NULL) {
		event_drop(d->batch);
		return;
	}
	st->record++;
	st->budget = BUDGET;
	st->limit_told = false;
	xml = span_sub(rec->data, RECORD_HEADER,
	    rec->data.len - RECORD_HEADER - RECORD_TAIL);
	run(st, cur_of(xml));
	event_end(d->batch);
}

static int
evtx_match(const struct record *rec)
{
	return rec->type == REC_EVTX ? 100 : 0;
}

static void
evtx_end(struct dec *d, void *state)
{
	struct evtx *st = state;

	(void)d;
	if (!st->ready)
		return;
	arena_fini(&st->mem);
	buf_fini(&st->text);
	buf_fini(&st->k.fixed);
	st->ready = false;
}

static const uint8_t kinds[] = { KIND_WINEVENT, KIND_NONE };

const struct decoder decoder_evtx = {
	.name = "evtx",
	.title = "Windows event records (binary XML)",
	.doc = "Every value of System, EventData, UserData and RenderingInfo "
	    "by name, with and without templates, of all types. Left: the "
	    "message text, which lies in the provider's DLL. MS-EVEN6.",
	.kinds = kinds,
	.state_size = sizeof(struct evtx),
	.rectype = REC_EVTX,
	.match = evtx_match,
	.record = evtx_record,
	.end = evtx_end
};
