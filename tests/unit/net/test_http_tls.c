/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http_tls.c - certificates that do and do not verify, made while the test runs. */
#include "tests/unit/net/client.h"
#include "tests/unit/net/server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <signal.h>
#include <time.h>
#include <unistd.h>

struct identity {
	EVP_PKEY *key;
	X509 *cert;
	char path[64]; /* the certificate as PEM, to be trusted */
};

struct tls {
	SSL_CTX *ctx;
	const char *answer;
};

/* Signed by itself, so that it is its own authority. */
static void make_identity(struct identity *id, const char *san, long from_s, long to_s)
{
	id->key = EVP_EC_gen("P-256");
	id->cert = X509_new();
	assert_non_null(id->key);
	X509_set_version(id->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(id->cert), (long)time(NULL));
	X509_gmtime_adj(X509_getm_notBefore(id->cert), from_s);
	X509_gmtime_adj(X509_getm_notAfter(id->cert), to_s);
	X509_set_pubkey(id->cert, id->key);
	X509_NAME *name = X509_get_subject_name(id->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(id->cert, name);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
	assert_non_null(ext);
	X509_add_ext(id->cert, ext, -1);
	X509_EXTENSION_free(ext);
	assert_true(X509_sign(id->cert, id->key, EVP_sha256()) > 0);
	snprintf(id->path, sizeof(id->path), "/tmp/resultd-test-XXXXXX");
	int fd = mkstemp(id->path);
	assert_true(fd >= 0);
	FILE *f = fdopen(fd, "w");
	PEM_write_X509(f, id->cert);
	fclose(f);
}

static void free_identity(struct identity *id)
{
	unlink(id->path);
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}

static void serve_tls(struct server *s, int fd, void *cookie)
{
	struct tls *tls = cookie;
	SSL *ssl = SSL_new(tls->ctx);
	char head[8192];
	int len = 0;

	(void)s;
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		while (len < (int)sizeof(head) - 1) {
			int n = SSL_read(ssl, head + len, (int)sizeof(head) - 1 - len);

			if (n <= 0)
				break;
			len += n;
			head[len] = '\0';
			if (strstr(head, "\r\n\r\n{}") != NULL) {
				if (tls->answer != NULL)
					SSL_write(ssl, tls->answer, (int)strlen(tls->answer));
				SSL_shutdown(ssl);
				break;
			}
		}
	}
	SSL_free(ssl);
}

static void row_51_certificates_decide(void **state)
{
	enum { YEAR = 365 * 86400 };
	static const struct {
		const char *san;
		long from_s, to_s;
		bool trusted, verify;
		const char *answer;
		int max_version;
		enum exchange want;
	} row[] = {
		{ "IP:127.0.0.1", -3600, YEAR, true, true, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
		  0, EXCHANGE_ANSWERED },
		{ "IP:127.0.0.1", -3600, YEAR, false, true, "", 0, EXCHANGE_REFUSED_TLS }, /* unknown CA */
		{ "DNS:elsewhere.example", -3600, YEAR, true, true, "", 0, EXCHANGE_REFUSED_TLS },
		{ "IP:127.0.0.1", -YEAR, -3600, true, true, "", 0, EXCHANGE_REFUSED_TLS }, /* expired */
		{ "IP:127.0.0.1", 3600, YEAR, true, true, "", 0, EXCHANGE_REFUSED_TLS },   /* not yet */
		{ "DNS:elsewhere.example", -YEAR, -3600, false, false,
		  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, EXCHANGE_ANSWERED }, /* unverified */
		{ "IP:127.0.0.1", -3600, YEAR, true, true, "", TLS1_1_VERSION, EXCHANGE_NOT_SENT },
		{ "IP:127.0.0.1", -3600, YEAR, true, true, NULL, 0, EXCHANGE_LOST },
		{ "IP:127.0.0.1", -3600, YEAR, true, true, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		  0, EXCHANGE_LOST },
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct identity id, other;
		struct tls tls = { .ctx = SSL_CTX_new(TLS_server_method()), .answer = row[i].answer };
		struct client c;
		struct call k;

		make_identity(&id, row[i].san, row[i].from_s, row[i].to_s);
		make_identity(&other, "IP:127.0.0.1", -3600, YEAR);
		SSL_CTX_use_certificate(tls.ctx, id.cert);
		SSL_CTX_use_PrivateKey(tls.ctx, id.key);
		if (row[i].max_version != 0) {
			SSL_CTX_set_min_proto_version(tls.ctx, TLS1_VERSION);
			SSL_CTX_set_max_proto_version(tls.ctx, row[i].max_version);
			SSL_CTX_set_security_level(tls.ctx, 0);
		}
		struct server *s = server_start(serve_tls, &tls);
		char *url = xasprintf("https://127.0.0.1:%d", server_port(s));
		client_open(&c, url);
		c.to.verify = row[i].verify;
		c.to.ca_file = row[i].trusted ? id.path : other.path;
		call_init(&k, METHOD_POST, "p", "{}");
		call_run(&k, &c);
		if (k.exchange != row[i].want)
			fail_msg("row %u: exchange %d, \"%s\"", i, k.exchange, k.error);
		assert_true((k.sent_bytes > 0) ==
			    (k.exchange == EXCHANGE_ANSWERED || k.exchange == EXCHANGE_LOST));
		call_free(&k);
		client_close(&c);
		server_stop(s);
		free(url);
		SSL_CTX_free(tls.ctx);
		free_identity(&id);
		free_identity(&other);
	}
}

static void a_missing_authority_file_is_a_refusal(void **state)
{
	struct identity id;
	struct tls tls = { .ctx = SSL_CTX_new(TLS_server_method()), .answer = "" };
	struct client c;
	struct call k;

	(void)state;
	make_identity(&id, "IP:127.0.0.1", -3600, 86400);
	SSL_CTX_use_certificate(tls.ctx, id.cert);
	SSL_CTX_use_PrivateKey(tls.ctx, id.key);
	struct server *s = server_start(serve_tls, &tls);
	char *url = xasprintf("https://127.0.0.1:%d", server_port(s));
	client_open(&c, url);
	c.to.ca_file = "/tmp/resultd-test-no-such-file";
	call_init(&k, METHOD_POST, "p", "{}");
	call_run(&k, &c);
	assert_int_equal(k.exchange, EXCHANGE_REFUSED_TLS);
	assert_true(k.sent_bytes == 0);
	c.to.ca_file = id.path;
	c.to.cert_file = c.to.key_file = "/tmp/resultd-test-no-such-file";
	call_run(&k, &c);
	assert_int_equal(k.exchange, EXCHANGE_REFUSED_TLS);
	call_free(&k);
	client_close(&c);
	server_stop(s);
	free(url);
	SSL_CTX_free(tls.ctx);
	free_identity(&id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(row_51_certificates_decide),
		cmocka_unit_test(a_missing_authority_file_is_a_refusal),
	};

	unsetenv("https_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("all_proxy");
	unsetenv("ALL_PROXY");
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
