/* SPDX-License-Identifier: Apache-2.0
 *
 * Secure Socket Funnelling as a host sees it, ATT&CK T1572 and T1090.  What
 * it looks like on the wire is in ssf.c.
 *
 * Behaviour: programs ssf, ssfd, ssfcp (before 3.0: ssfc, ssfs); options that
 * together no other tool has: UDP forwards (-U, -V PORT:HOST:PORT), SOCKS and
 * shell ports on the far side (-F, -X, -Y PORT) beside -p PORT HOST, and their
 * long names; the folder certs with dh4096.pem, certificate.crt, private.key
 * and trusted/ca.crt; a service whose command is one of these.  A renamed
 * program is told by its options alone.
 *
 * Known false alarms: another program of the same short name (then without
 * the options: below the threshold for ssfc and ssfs, medium for the others).
 * ssh and its kin share -L, -R, -D and -p and are passed over by name; those
 * options alone never suffice.
 *
 * Cost: kind, event id and channel; of a process start its name, and a search
 * for the options; of a file its name.  A table of FOLDERS_MAX.
 */
#include "detect.h"

#define RAISE_AT	60u
#define FOLDERS_MAX	4096u
#define MARKS_SHOWN	6u
#define PORT_MIN	20u	/* below: counts and versions, not ports */

static const uint8_t kinds[] = { KIND_WINEVENT, KIND_PROCESS, KIND_NONE };

static const uint16_t fields[] = {
	HOST_FIELDS, FIELD_TARGET_FILENAME, FIELD_SERVICE_NAME,
	FIELD_IMAGE_PATH, FIELD_SERVICE_FILE, FIELD_OTHER
};

/* -- a command ------------------------------------------------------------ */

static bool
is_port(struct span s)
{
	uint64_t n;

	return span_u64(s, &n) && n >= PORT_MIN && n <= UINT16_MAX;
}

/* From its last colon on. */
static struct span
cut_last(struct span *s)
{
	for (size_t i = s->len; i > 0; i--) {
		if (s->ptr[i - 1] == ':') {
			struct span tail = span_sub(*s, i, SIZE_MAX);

			s->len = i - 1;
			return tail;
		}
	}
	return SPAN_NONE;
}

/* [[ip]:]port */
static bool
is_listen(struct span s)
{
	size_t colon = span_find_byte(s, ':');

	return is_port(colon == SPAN_NPOS ? s : cut_last(&s));
}

/* [[ip]:]port:host:port */
static bool
is_forward(struct span s)
{
	struct span port = cut_last(&s), host = cut_last(&s);

	return is_port(port) && host.len != 0 && is_listen(s);
}

struct shape {
	bool	strange;	/* an option that only SSF has */
	bool	far;		/* -F, -X or -Y with a port */
	bool	forward;	/* -L, -R or -D as others have too */
	bool	port;		/* -p PORT */
	bool	host;		/* the last word is no option */
};

static void
read_option(struct shape *sh, uint8_t letter, struct span value)
{
	switch (letter) {
	case 'U': case 'V':
		sh->strange |= is_forward(value);
		break;
	case 'F': case 'X': case 'Y':
		sh->far |= is_listen(value);
		break;
	case 'L': case 'R':
		sh->forward |= is_forward(value);
		break;
	case 'D':
		sh->forward |= is_listen(value);
		break;
	case 'p':
		sh->port |= is_port(value);
		break;
	default:
		break;
	}
}

static struct shape
shape_of(struct span line)
{
	static const char *const long_names[] = {
		"--remote-shell", "--remote-socks", "--tcp-remote-forward",
		"--udp-remote-forward", "--udp-forward", "--tcp-forward",
		"--remote-udp-forward", "--remote-tcp-forward", "--relay-only"
	};
	struct shape sh = { false };
	struct span arg = SPAN_NONE, value;

	next_arg(&line, &arg);	/* the program itself */
	while (next_arg(&line, &arg)) {
		sh.host = arg.len != 0 && arg.ptr[0] != '-';
		if (sh.host || arg.len < 2)
			continue;
		if (arg.ptr[1] == '-') {
			size_t eq = span_find_byte(arg, '=');

			sh.strange |= is_one_of(span_sub(arg, 0, eq),
			    long_names, NITEMS(long_names));
			continue;
		}
		value = span_sub(arg, 2, SIZE_MAX);
		if (value.len == 0) {
			struct span peek = line;

			next_arg(&peek, &value);
		}
		read_option(&sh, arg.ptr[1], value);
	}
	return sh;
}

static bool
is_ssh(struct span name)
{
	static const char *const kin[] = {
		"ssh", "plink", "putty", "kitty", "autossh", "sshd", "mosh",
		"klink", "slogin", "dropbear", "dbclient", "sshpass", "scp",
		"sftp", "curl", "grep", "tail", "nmap"
	};

	return is_one_of(name, kin, NITEMS(kin));
}

/* The weight of a command, 0 to 99; name and path in lower case, the line as
 * it came: the letters' case tells the options apart. */
static unsigned
weigh(struct span path, struct span line)
{
	static const char *const names[] = { "ssf", "ssfd", "ssfcp" };
	static const char *const old[] = { "ssfc", "ssfs" };
	struct span name = base_name(path);
	unsigned weight = 0;
	struct shape sh;

	if (is_ssh(name))
		return 0;
	sh = shape_of(line);
	if (is_one_of(name, names, NITEMS(names)))
		weight = 60;
	else if (is_one_of(name, old, NITEMS(old)))
		weight = 40;
	if (span_find(path, SPAN_LIT("ssf-win")) != SPAN_NPOS ||
	    span_find(path, SPAN_LIT("ssf-linux")) != SPAN_NPOS)
		weight += 40;
	if (weight != 0)
		return MIN_OF(99u, weight + (sh.strange || sh.far ||
		    sh.forward ? 30u : 0u) + (sh.port ? 10u : 0u));
	if (sh.strange)
		weight = 65;
	if (sh.far && sh.port && sh.host)
		weight += 60;
	else if (sh.far && sh.forward)
		weight += 50;
	return MIN_OF(weight, 90u);
}

static void
tell_command(struct detect *d, const struct event *e, unsigned field,
    unsigned weight)
{
	struct span line, name;
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	host_entities(&f, &m, e);
	f.confidence = weight;
	f.severity = weight >= 80 ? SEV_HIGH : SEV_MEDIUM;
	if (field == FIELD_COMMAND_LINE) {
		text_clip(&d->text, base_name(f.entity[ENTITY_PROCESS]), 80);
		buf_str(&d->text, " was started like Secure Socket "
		    "Funnelling");
		host_text(&d->text, &m, &f, e);
	} else {
		name = event_text(&m, e, FIELD_SERVICE_NAME);
		line = event_text(&m, e, field);
		f.entity[ENTITY_SERVICE] = name;
		f.entity[ENTITY_USER] = f.entity[ENTITY_PROCESS] = SPAN_NONE;
		buf_str(&d->text, "The service ");
		text_clip(&d->text, name, 80);
		buf_str(&d->text, " runs Secure Socket Funnelling");
		host_text(&d->text, &m, &f, e);
		buf_str(&d->text, ": ");
		text_clip(&d->text, line, 200);
	}
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	finding_raise(&f, d);
	arena_fini(&m);
}

/* May the options be SSF's?  Saves the line's copy in its own case. */
static bool
may_be(struct span name, struct span line)
{
	static const char *const cues[] = {
		" -u", " -v", " -f", " -x", " -y", "-forward", "--remote-s",
		"--relay"
	};

	if (span_starts(name, SPAN_LIT("ssf")))
		return true;
	if (span_find_byte(line, '-') == SPAN_NPOS)
		return false;
	for (size_t i = 0; i < NITEMS(cues); i++)
		if (span_find(line, span_str(cues[i])) != SPAN_NPOS)
			return true;
	return false;
}

/* The program of a service's command, quoted or not. */
static struct span
program_of(struct span line)
{
	struct span arg = SPAN_NONE;

	next_arg(&line, &arg);
	return arg;
}

static void
on_command(struct detect *d, const struct event *e, unsigned field)
{
	struct scratch s;
	struct span path, line;
	struct arena m;
	unsigned weight = 0;

	s.used = 0;
	line = lower_text(&s, e, field);
	path = field == FIELD_COMMAND_LINE ? proc_image(&s, e) :
	    program_of(line);
	if (!may_be(base_name(path), line) &&
	    span_find(path, SPAN_LIT("ssf-")) == SPAN_NPOS)
		return;
	arena_init(&m, 256u << 10);
	weight = weigh(path, event_text(&m, e, field));
	arena_fini(&m);
	if (weight >= RAISE_AT)
		tell_command(d, e, field, weight);
}

/* -- files ---------------------------------------------------------------- */

static const struct {
	const char	*tail, *text;
	unsigned	 weight;
} marks[] = {
	{ "/certs/dh4096.pem", "certs/dh4096.pem", 50 },
	{ "/certs/trusted/ca.crt", "certs/trusted/ca.crt", 30 },
	{ "/certs/certificate.crt", "certs/certificate.crt", 15 },
	{ "/certs/private.key", "certs/private.key", 15 },
	{ "/ssf.exe", "ssf.exe", 55 },
	{ "/ssfd.exe", "ssfd.exe", 60 },
	{ "/ssfcp.exe", "ssfcp.exe", 60 },
	{ "/ssfc.exe", "ssfc.exe", 45 },
	{ "/ssfs.exe", "ssfs.exe", 45 }
};

/* Which mark the file is, its folder in *folder; -1: none.  Backslashes are
 * turned in place. */
static int
mark_of(struct scratch *s, const struct event *e, struct span *folder)
{
	struct span path = lower_text(s, e, FIELD_TARGET_FILENAME);
	uint8_t *p = s->b + s->used - path.len;

	for (size_t i = 0; i < path.len; i++)
		if (p[i] == '\\')
			p[i] = '/';
	for (size_t i = 0; i < NITEMS(marks); i++) {
		struct span tail = span_str(marks[i].tail);

		if (!span_ends(path, tail))
			continue;
		*folder = span_sub(path, 0, path.len - tail.len);
		return (int)i;
	}
	return -1;
}

static void
ssf_host_event(struct detect *d, const struct event *e)
{
	struct scratch s;
	struct span folder;

	switch (host_event(e)) {
	case HOST_PROCESS:
		on_command(d, e, FIELD_COMMAND_LINE);
		break;
	case HOST_SERVICE:
		on_command(d, e, event_get(e, FIELD_IMAGE_PATH) != NULL ?
		    FIELD_IMAGE_PATH : FIELD_SERVICE_FILE);
		break;
	case HOST_FILE:
		s.used = 0;
		if (mark_of(&s, e, &folder) >= 0)
			d->keep(d, e);
		break;
	default:
		break;
	}
}

/* What lies in one folder of one host. */
struct folder {
	struct locator	loc[MARKS_SHOWN];
	int64_t		time[MARKS_SHOWN];
	uint32_t	nloc;
	uint32_t	seen;		/* bits of marks */
	unsigned	weight;
};

struct state {
	struct table	*folders;
	struct arena	 arena;
};

static bool
state_init(void *p)
{
	struct state *s = p;

	s->folders = table_new(sizeof(uint64_t), sizeof(struct folder),
	    FOLDERS_MAX);
	arena_init(&s->arena, 1u << 20);
	return s->folders != NULL;
}

static void
state_fini(void *p)
{
	struct state *s = p;

	table_free(s->folders);
	arena_fini(&s->arena);
}

static void
tell_folder(struct detect *d, struct state *s, const struct folder *w,
    const struct event *e, struct span folder)
{
	struct finding f;
	bool first = true;

	finding_init(&f, d, NULL);
	for (uint32_t i = 0; i < w->nloc; i++)
		finding_evidence(&f, &w->loc[i], w->time[i]);
	host_entities(&f, &s->arena, e);
	finding_entity(&f, ENTITY_FILE, &s->arena, e, FIELD_TARGET_FILENAME);
	f.confidence = MIN_OF(w->weight, 95u);
	f.severity = w->weight >= 80 ? SEV_HIGH : SEV_MEDIUM;
	buf_str(&d->text, "The folder ");
	text_clip(&d->text, folder, 160);
	buf_str(&d->text, " on ");
	text_who(&d->text, f.entity[ENTITY_HOST]);
	buf_str(&d->text, " got files of Secure Socket Funnelling: ");
	for (size_t i = 0; i < NITEMS(marks); i++) {
		if ((w->seen & 1u << i) == 0)
			continue;
		buf_str(&d->text, first ? "" : ", ");
		buf_str(&d->text, marks[i].text);
		first = false;
	}
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	finding_raise(&f, d);
}

static void
ssf_host_note(struct detect *d, void *p, const struct event *e)
{
	struct state *s = p;
	struct scratch sc;
	struct span folder, host;
	struct folder *w;
	uint64_t key;
	bool made;
	int mark;

	sc.used = 0;
	arena_reset(&s->arena);
	if ((mark = mark_of(&sc, e, &folder)) < 0)
		return;
	host = event_text(&s->arena, e, FIELD_WIN_COMPUTER);
	key = hash_bytes(folder.ptr, folder.len,
	    hash_bytes(host.ptr, host.len, 41));
	if ((w = table_put(s->folders, &key, &made)) == NULL ||
	    (w->seen & 1u << mark) != 0)
		return;
	w->seen |= 1u << mark;
	w->weight += marks[mark].weight;
	if (w->nloc < MARKS_SHOWN) {
		w->loc[w->nloc] = e->loc;
		w->time[w->nloc++] = e->time;
	}
	/* Again when it grows: folded, the stronger one speaks. */
	if (w->weight >= RAISE_AT) {
		tell_folder(d, s, w, e, folder);
		w->nloc = 0;
	}
}

const struct detector detector_ssf_host = {
	.name = "ssf-host",
	.title = "Secure Socket Funnelling on a host",
	.doc = "Programs, options, certificate folder and services of Secure "
	    "Socket Funnelling in process starts (Sysmon 1, 4688, Linux), "
	    "new files (Sysmon 11) and installed services (7045, 4697); "
	    "renamed programs by their options. False alarms: programs of the "
	    "same short name. Cost: name and options of each process start.",
	.attack = "T1572 T1090",
	.advice = "Isolate the host, keep the program, its config.json and "
	    "certs folder; take the far end from the command line or the "
	    "configuration and look for it in every flow and proxy log.",
	.severity = SEV_HIGH,
	.confidence = 80,
	.kinds = kinds,
	.fields = fields,
	.event_ids = host_event_ids,
	.event = ssf_host_event,
	.state_size = sizeof(struct state),
	.init = state_init,
	.note = ssf_host_note,
	.fini = state_fini,
};
