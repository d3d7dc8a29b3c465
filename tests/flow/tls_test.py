"""Promises about TLS: the listener, Redis, and destinations."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from certificates import EC, RSA, Authority, pieces_of_key
from harness import PENSTOCK, Load, Redis, Sink, free_port, sign_stripe, wait_for, writable_memory

BODY = b'{"type":"charge.succeeded"}'


def _client(ca, cert=None):
    context = ssl.create_default_context(cafile=ca.cert)
    if cert:
        context.load_cert_chain(*cert)
    return context


def _post(p, context, host="localhost", body=BODY):
    """(status, version, cipher, protocol)"""
    with socket.create_connection(("127.0.0.1", p.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=host, suppress_ragged_eofs=False) as s:
            s.sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nConnection: close\r\nStripe-Signature: %s\r\n"
                      b"Content-Length: %d\r\n\r\n" % (sign_stripe(body)["Stripe-Signature"].encode(), len(body)) + body)
            said = s.version(), s.cipher()[0], s.selected_alpn_protocol()
            answer = s.makefile("rb").read()
            return (int(answer[9:12]), *said)


def _shown(p, name):
    """The serial number of what the listener shows to a client that asks for that name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", p.port), 10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as s:
            return s.getpeercert(True)


def _der(cert_file):
    return ssl.PEM_cert_to_DER_cert(open(cert_file).read())


def _tls(flow, ca, tls=None, sink=None, **more):
    sink = sink or flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), listen_more=", tls: { %s }" % (tls or ca.tls("server")), **more)
    return p, sink


def _refused(call):
    try:
        call()
    except (ssl.SSLError, ConnectionError) as e:
        return str(e)
    raise AssertionError("it was taken")


# --- the listener


def accepts_over_tls(flow):
    ca = Authority(flow.folder)
    p, sink = _tls(flow, ca)
    answer = _post(p, _client(ca))
    assert answer[:2] == (200, "TLSv1.3"), answer
    old = _client(ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    answer = _post(p, old)
    assert answer[:2] == (200, "TLSv1.2") and answer[2].startswith("ECDHE-"), answer
    big = b"x" * 900000
    assert _post(p, _client(ca), body=big)[0] == 200
    assert [len(r.body) for r in sink.wait(3)].count(len(big)) == 1
    expiry = p.metric("penstock_tls_certificate_expiry_seconds")
    assert 29 * 86400 < expiry - time.time() < 31 * 86400, expiry


def accepts_pipelined_requests_over_tls(flow):
    ca = Authority(flow.folder)
    p, sink = _tls(flow, ca)
    request = (b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n" %
               (sign_stripe(BODY)["Stripe-Signature"].encode(), len(BODY)) + BODY)
    with socket.create_connection(("127.0.0.1", p.port), 20) as plain:
        with _client(ca).wrap_socket(plain, server_hostname="localhost") as s:
            s.sendall(request * 300)  # the kernel's buffers hold it
            answers = b""
            while answers.count(b"HTTP/1.1 200 ") < 300:
                answers += s.recv(65536) or b"HTTP/1.1 cut off " * 1000
                assert b"cut off" not in answers, answers[-300:]
    assert len(sink.wait(300)) == 300


def negotiates_http_1_1_only(flow):
    ca = Authority(flow.folder)
    p, _ = _tls(flow, ca)
    both = _client(ca)
    both.set_alpn_protocols(["h2", "http/1.1"])
    assert _post(p, both)[3] == "http/1.1"
    other = _client(ca)
    other.set_alpn_protocols(["h2"])
    why = _refused(lambda: _post(p, other))
    assert "no application protocol" in why.lower(), why


def chooses_the_certificate_by_sni(flow):
    ca = Authority(flow.folder)
    first, second, third = (ca.make("first"), ca.make("second", "DNS:hooks.example.com"),
                            ca.make("third", "DNS:*.example.net"))
    p, _ = _tls(flow, ca, "cert_file: %s, key_file: %s, certificates: [{cert_file: %s, key_file: %s}, "
                "{cert_file: %s, key_file: %s}]" % (*first, *second, *third))
    assert _shown(p, "hooks.example.com") == _der(second[0])
    assert _shown(p, "HOOKS.example.com") == _der(second[0])
    assert _shown(p, "a.example.net") == _der(third[0])
    assert _shown(p, "localhost") == _der(first[0])
    assert _shown(p, "elsewhere.example.org") == _der(first[0])
    assert _shown(p, None) == _der(first[0])
    assert _post(p, _client(ca), "hooks.example.com")[0] == 200


def refuses_tls_1_1(flow):
    ca = Authority(flow.folder)
    p, _ = _tls(flow, ca)
    out = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % p.port, "-tls1_1", "-cipher",
                          "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert "protocol version" in out.stdout + out.stderr, out.stdout + out.stderr
    weak = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % p.port, "-tls1_2", "-cipher",
                           "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    assert "handshake failure" in weak.stdout + weak.stderr, weak.stdout + weak.stderr
    wait_for(lambda: p.metric("penstock_requests_rejected_total") == 2, "both to be counted")
    p.wait_log('"reason":"tls"')
    assert _post(p, _client(ca))[0] == 200


def refuses_a_client_without_certificate(flow):
    ca, stranger = Authority(flow.folder), Authority(os.path.join(flow.folder, "stranger"))
    p, sink = _tls(flow, ca, ca.tls("server") + ", client_ca_file: " + ca.cert)
    why = _refused(lambda: _post(p, _client(ca)))
    assert "certificate required" in why.lower() or "reset" in why.lower(), why
    _refused(lambda: _post(p, _client(ca, stranger.make("client", "DNS:c"))))
    _refused(lambda: _post(p, _client(ca, ca.make("old", "DNS:c", days=-1))))
    assert _post(p, _client(ca, ca.make("client", "DNS:c")))[0] == 200
    assert len(sink.wait(1)) == 1 and p.metric("penstock_requests_rejected_total") == 3
    assert "peer did not return a certificate" in p.text()


def reloads_the_certificate_without_a_dropped_connection(flow):
    ca = Authority(flow.folder)
    cert, key = ca.make("server")
    p, sink = _tls(flow, ca, "cert_file: %s, key_file: %s" % (cert, key))
    before = _der(cert)
    context = _client(ca)
    kept = []
    for _ in range(8):
        plain = socket.create_connection(("127.0.0.1", p.port), 10)
        kept.append(context.wrap_socket(plain, server_hostname="localhost"))
        kept[-1].sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")  # one that says nothing is soon closed
        answer = b""
        while not answer.endswith(b'{"error":"unknown_source"}'):
            got = kept[-1].recv(1000)
            assert got, answer
            answer += got
    failures, done, count = [], threading.Event(), [0]

    def send():
        while not done.is_set():
            try:
                assert _post(p, context)[0] == 200
                count[0] += 1
            except Exception as e:  # told at the end
                failures.append(e)
    senders = [threading.Thread(target=send) for _ in range(2)]
    for t in senders:
        t.start()
    wait_for(lambda: count[0] > 5, "senders")
    renewed, renewed_key = ca.make("renewed", days=60)
    shutil.copy(renewed, cert)
    shutil.copy(renewed_key, key)
    p.signal(signal.SIGHUP)
    p.wait_log('"configuration reloaded"')
    for _ in range(8):
        assert _shown(p, "localhost") == _der(cert) != before
    assert p.metric("penstock_tls_certificate_expiry_seconds") > time.time() + 58 * 86400
    seen = count[0]
    wait_for(lambda: count[0] > seen + 5, "senders to go on")
    done.set()
    for t in senders:
        t.join()
    assert not failures, failures
    for s in kept:  # handshaken before
        s.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 404 ") and s.getpeercert(True) == before
        s.close()


def takes_a_certificate_that_is_renewed_during_the_start(flow):
    """Redis hangs meanwhile; the files were read before it was asked."""
    ca, redis = Authority(flow.folder), flow.redis()
    cert, key = ca.make("server")
    p = flow.penstock({"d": flow.sink()}, redis, start=False, listen_more=", tls: { cert_file: %s, key_file: %s }" % (cert, key))
    before, renewed = _der(cert), ca.make("renewed")
    redis.process.send_signal(signal.SIGSTOP)
    p.start(ready=False)
    p.wait_log('"msg":"sandbox"')
    for new, old in zip(renewed, (cert, key)):
        shutil.copy(new, old)
    p.signal(signal.SIGHUP)
    p.wait_log("when the start is over")
    redis.process.send_signal(signal.SIGCONT)
    p.wait_log('"configuration reloaded"')
    assert p._look_ready()
    assert _shown(p, "localhost") == _der(cert) != before


def wipes_the_old_keys_on_reload(flow):
    """Looks for them in the process' memory: the numbers as OpenSSL has them while it uses them, or in any buffer that
    their files went through."""
    ca = Authority(flow.folder)
    strict = _tls_sink(flow, ca.make("strict"), ca.cert)
    files = {"listener": ca.make("server"), "RSA listener": ca.make("rsa", "DNS:rsa.example.com", kind=RSA),
             "destination": ca.make("client", "DNS:penstock")}
    p, _ = _tls(flow, ca, "cert_file: %s, key_file: %s, certificates: [{cert_file: %s, key_file: %s}]" % (
        *files["listener"], *files["RSA listener"]),
        "{ url: 'https://localhost:%d/', tls: { ca_file: %s, cert_file: %s, key_file: %s } }" % (
            strict.port, ca.cert, *files["destination"]))
    assert _post(p, _client(ca))[0] == 200 and _post(p, _client(ca), "rsa.example.com")[0] == 200
    strict.wait(2)

    def found(keys):
        try:
            memory = writable_memory(p.process.pid)
        except PermissionError:
            print("skipped: only root may look into the memory of a process in a sandbox")
            raise SystemExit(77)
        return {(name, where, part) for name, pieces in keys.items() for where, piece in pieces
                for part, held in memory if piece in held}
    old = {name: pieces_of_key(key) for name, (_, key) in files.items()}
    seen = found(old)
    assert {name for name, _, _ in seen} == set(old), seen  # or the search is worth nothing
    assert not [where for where in seen if where[1] == "file"], seen
    renewed = {name: ca.make("renewed " + name, "DNS:localhost,IP:127.0.0.1,DNS:rsa.example.com",
                             kind=RSA if "RSA" in name else EC) for name in files}
    kept = _client(ca).wrap_socket(socket.create_connection(("127.0.0.1", p.port), 10), server_hostname="localhost")
    for name, (cert, key) in files.items():
        shutil.copy(renewed[name][0], cert)
        shutil.copy(renewed[name][1], key)
    p.signal(signal.SIGHUP)
    p.wait_log('"configuration reloaded"')
    kept.sendall(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
    answer = kept.makefile("rb").read()  # to its end: it began with the old ones
    assert answer.startswith(b"HTTP/1.1 404 ") and b"Connection: close" in answer, answer
    for _ in range(4):
        assert _post(p, _client(ca))[0] == 200
    strict.wait(6)
    # What a register still held may have come to a stack with the signal: work goes over it.
    wait_for(lambda: _post(p, _client(ca))[0] == 200 and not found(old),
             lambda: "the old keys to be gone; there are %s" % found(old))
    new = {name: pieces_of_key(key) for name, (_, key) in files.items()}
    assert {name for name, _, _ in found(new)} == set(new)


def keeps_the_old_certificate_when_the_new_one_is_broken(flow):
    ca = Authority(flow.folder)
    cert, key = ca.make("server")
    p, _ = _tls(flow, ca, "cert_file: %s, key_file: %s" % (cert, key))
    before = _der(cert)
    shutil.copy(ca.make("another")[0], cert)  # its key is still the old one
    p.signal(signal.SIGHUP)
    p.wait_log("the old one stays in force")
    assert "does not belong to the certificate" in p.text()
    assert _shown(p, "localhost") == before and _post(p, _client(ca))[0] == 200


def survives_tls_garbage_on_a_plain_port(flow):
    p = flow.penstock({"d": flow.sink()}, flow.redis())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def hello():
        with socket.create_connection(("127.0.0.1", p.port), 10) as plain:
            context.wrap_socket(plain)
    for _ in range(30):
        _refused(hello)
    assert p.stripe(BODY).status == 200
    wait_for(lambda: p.metric("penstock_requests_rejected_total") == 30, "all to be counted")
    p.wait_log("TLS on a port for plain HTTP")
    seconds = len(set(re.findall(r'"time":"([^".]*)', "\n".join(
        line for line in p.text().splitlines() if "TLS on a port" in line))))
    assert p.text().count("TLS on a port for plain HTTP") <= 2 * (seconds + 1), p.text()  # two workers


def survives_plain_http_on_a_tls_port(flow):
    ca = Authority(flow.folder)
    p, _ = _tls(flow, ca)
    r = p.post("/hooks/stripe", BODY, sign_stripe(BODY))
    assert r.status == 400 and b"https" in r.body, (r.status, r.body)
    for garbage in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x16\x03\x01\x00\x05hello", b"\r\n" * 50):
        with socket.create_connection(("127.0.0.1", p.port), 10) as s:
            try:
                s.sendall(garbage)
                s.shutdown(socket.SHUT_WR)
                while s.recv(4096):
                    pass
            except OSError:  # it was closed before we ended our side
                pass
    with socket.create_connection(("127.0.0.1", p.port)):
        pass  # a port scan is nothing to tell
    wait_for(lambda: p.metric("penstock_requests_rejected_total") == 5, "all five to be counted")
    p.wait_log("plain HTTP on a port for TLS")
    assert _post(p, _client(ca))[0] == 200


def ends_a_handshake_that_takes_too_long(flow):
    ca = Authority(flow.folder)
    p, _ = _tls(flow, ca)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", p.port), 30) as s:
        s.sendall(b"\x16\x03\x01\x02\x00")  # a record that never comes
        try:
            assert s.recv(100) == b""
        except ConnectionError:
            pass
    assert 4 < time.monotonic() - began < 20
    p.wait_log("did not end in time")


def lets_no_silent_connection_shut_a_sender_out(flow):
    ca = Authority(flow.folder)
    p, sink = _tls(flow, ca, workers=1)
    silent = [socket.create_connection(("127.0.0.1", p.port), 10) for _ in range(600)]
    wait_for(lambda: p.metric("penstock_requests_rejected_total") == 88, "all places to be taken")
    for _ in range(20):
        assert _post(p, _client(ca))[0] == 200
    sink.wait(20)
    for s in silent:
        s.close()


def says_what_is_wrong_with_a_certificate(flow):
    ca = Authority(flow.folder)
    cert, key = ca.make("server")
    other = ca.make("other")
    locked = ca.path("locked.key")
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked], check=True)
    odd = ca.path("odd.pem")
    with open(odd, "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n")
    cases = [(cert, other[1], "does not belong to the certificate in"), (cert, "/nowhere.key", "No such file"),
             ("/nowhere.pem", key, "No such file"), (cert, locked, "passphrase"), (odd, key, "cannot read a certificate"),
             (cert, cert, "no PEM private key")]
    for i, (c, k, text) in enumerate(cases):
        p = flow.penstock({"d": "http://127.0.0.1:1/"}, start=False, name="case%d" % i,
                          listen_more=", tls: { cert_file: %s, key_file: %s }" % (c, k))
        check = subprocess.run([PENSTOCK, "check", "-c", p.config], capture_output=True, text=True)
        assert check.returncode == 1 and text in check.stderr, (text, check.stderr)
        run = subprocess.run([PENSTOCK, "run", "-c", p.config], capture_output=True, text=True, timeout=60)
        assert run.returncode == 1 and text in run.stderr, (text, run.stderr)
    c, k = ca.make("old", days=-1)
    p = flow.penstock({"d": "http://127.0.0.1:1/"}, flow.redis(), start=False,
                      listen_more=", tls: { cert_file: %s, key_file: %s }" % (c, k))
    check = subprocess.run([PENSTOCK, "check", "-c", p.config], capture_output=True, text=True)
    assert check.returncode == 0 and "old.pem has expired on" in check.stderr, check.stderr
    p.start()
    p.wait_log("old.pem has expired on")
    files = (*ca.make("late", days=60), *ca.make("soon", days=10))
    p = flow.penstock({"d": "http://127.0.0.1:1/"}, flow.redis(), name="soon", listen_more=(
        ", tls: { cert_file: %s, key_file: %s, certificates: [{cert_file: %s, key_file: %s}] }" % files))
    p.wait_log("soon.pem expires on")
    assert "late.pem" not in p.text()


def keeps_its_memory_over_two_thousand_handshakes(flow):
    ca = Authority(flow.folder)
    p, _ = _tls(flow, ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def handshakes(n):
        for _ in range(n):
            with socket.create_connection(("127.0.0.1", p.port), 30) as plain:
                with context.wrap_socket(plain):
                    pass

    def rss():
        return int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % p.process.pid).read()).group(1))
    code = open(PENSTOCK, "rb").read()
    handshakes(500)
    before = rss()
    handshakes(2000)
    wait_for(lambda: p.metric("penstock_connections") == 0, "all to be closed")
    if b"_asan_init" not in code and b"_tsan_init" not in code:  # these keep what is freed
        assert rss() - before < 1024, (before, rss())


# --- Redis


class TlsRedis(Redis):
    """TLS on its port, plain for the test's own looks on another; `clients`: they must show a certificate."""

    def __init__(self, folder, ca, cert, clients=False):
        self.tls_port = free_port()
        # On both addresses that localhost may have: the sentence at start is about the last one tried.
        super().__init__(folder, "--bind", "127.0.0.1", "-::1", "--tls-port", str(self.tls_port),
                         "--tls-cert-file", cert[0], "--tls-key-file", cert[1], "--tls-ca-cert-file", ca.cert, "--tls-auth-clients", "yes" if clients else "no")


def _redis(flow, ca, cert, clients=False):
    redis = TlsRedis(os.path.join(flow.folder, "tls-redis%d" % len(flow.parts)), ca, cert, clients)
    flow.parts.append(redis.stop)
    return redis


def _over_rediss(flow, url, tls, start=True, name="node", **more):
    """A Penstock whose redis block is ours."""
    p = flow.penstock(more.pop("destinations", {"d": "http://127.0.0.1:1/"}), start=False, name=name,
                      more="redis: { url: '%s', tls: { %s } }" % (url, tls), **more)
    return p.start() if start else p


def stores_over_rediss(flow):
    ca, sink = Authority(flow.folder), flow.sink()
    redis = _redis(flow, ca, ca.make("redis"))
    p = _over_rediss(flow, "rediss://localhost:%d" % redis.tls_port, "ca_file: " + ca.cert, destinations={"d": sink})
    load = Load(p, rate=300)
    wait_for(lambda: len(load.acknowledged) > 200, "events to be stored")
    redis.cli("CLIENT", "KILL", "TYPE", "normal")  # also the one that asks
    seen = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) > seen + 200, "events to be stored over new connections")
    load.stop()
    sink.wait(len(load.acknowledged))
    big = b"y" * 1000000
    assert p.stripe(big).status == 200
    wait_for(lambda: big in sink.bodies(), "a great event")
    # by address, with an ACL user, and with a certificate of our own
    redis = _redis(flow, ca, ca.make("redis"), clients=True)
    redis.cli("ACL", "SETUSER", "penstock", "on", ">pass word", "~*", "&*", "+@all")
    redis.cli("ACL", "SETUSER", "default", "off")
    q = _over_rediss(flow, "rediss://penstock:pass%%20word@127.0.0.1:%d" % redis.tls_port,
                     "ca_file: %s, %s" % (ca.cert, ca.tls("client", "DNS:penstock")), name="second")
    assert q.stripe(BODY).status == 200
    check = subprocess.run([PENSTOCK, "check", "--print", "-c", q.config], capture_output=True, text=True)
    assert "rediss://***@127.0.0.1" in check.stdout and "pass" not in check.stdout.replace("password", ""), check.stdout


def refuses_a_redis_of_another_name(flow):
    ca, stranger = Authority(flow.folder), Authority(os.path.join(flow.folder, "stranger"), "stranger")
    other = _redis(flow, ca, ca.make("other", "DNS:elsewhere.example,IP:10.0.0.1"))
    old = _redis(flow, ca, ca.make("old", days=-1))
    strict = _redis(flow, ca, ca.make("good"), clients=True)
    trust = "ca_file: " + ca.cert
    cases = [("rediss://localhost:%d" % other.tls_port, trust, "hostname mismatch"),
             ("rediss://127.0.0.1:%d" % other.tls_port, trust, "IP address mismatch"),
             ("rediss://localhost:%d" % old.tls_port, trust, "certificate has expired"),
             ("rediss://localhost:%d" % strict.tls_port, "ca_file: " + stranger.cert, "ca_file must hold this CA"),
             ("rediss://localhost:%d" % strict.tls_port, trust, "client certificate"),
             ("rediss://localhost:%d" % strict.port, trust, "TLS port")]
    runs = []
    for i, (url, tls, text) in enumerate(cases):
        p = _over_rediss(flow, url, tls, start=False, name="case%d" % i)
        runs.append((subprocess.Popen([PENSTOCK, "run", "-c", p.config], stderr=subprocess.PIPE, text=True), text))
    for process, text in runs:
        stderr = process.communicate(timeout=60)[1]
        assert process.returncode == 1 and text in stderr.splitlines()[-1], (text, stderr)


# --- destinations


class TlsSink(Sink):
    def __init__(self, cert, clients=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*cert)
        if clients:
            self.context.load_verify_locations(clients)
            self.context.verify_mode = ssl.CERT_REQUIRED
        super().__init__()


def _tls_sink(flow, *args):
    sink = TlsSink(*args)
    flow.parts.append(sink.close)
    return sink


def delivers_with_a_client_certificate(flow):
    ca = Authority(flow.folder)
    strict = _tls_sink(flow, ca.make("strict"), ca.cert)
    by_name = "{ url: 'https://localhost:%d/a', tls: { ca_file: %s, %s } }" % (
        strict.port, ca.cert, ca.tls("client", "DNS:penstock"))
    by_address = "{ url: 'https://127.0.0.1:%d/b', tls: { ca_file: %s, %s } }" % (
        strict.port, ca.cert, ca.tls("client", "DNS:penstock"))
    nobody = "{ url: 'https://localhost:%d/c', tls: { ca_file: %s } }" % (strict.port, ca.cert)
    p = flow.penstock({"a": by_name, "b": by_address, "c": nobody}, flow.redis())
    for _ in range(5):
        assert p.stripe(BODY).status == 200
    assert sorted(r.target for r in strict.wait(10)) == ["/a"] * 5 + ["/b"] * 5
    wait_for(lambda: re.search(r'penstock_attempts_total\{destination="c",outcome="(tls|reset)"\} ',
                               p.admin("/metrics")[1]), "the nameless to be refused")
    assert all(r.target != "/c" for r in strict.requests)


def reloads_what_it_shows_to_destinations(flow):
    ca, stranger = Authority(flow.folder), Authority(os.path.join(flow.folder, "stranger"), "stranger")
    strict = _tls_sink(flow, ca.make("strict"), ca.cert)
    cert, key = stranger.make("client", "DNS:penstock")
    p = flow.penstock({"a": "{ url: 'https://localhost:%d/a', tls: { ca_file: %s, cert_file: %s, key_file: %s } }" % (
        strict.port, ca.cert, cert, key)}, flow.redis())
    assert p.stripe(BODY).status == 200
    wait_for(lambda: re.search(r'penstock_attempts_total\{destination="a",outcome="(tls|reset)"\} ',
                               p.admin("/metrics")[1]), "the stranger to be refused")
    good, good_key = ca.make("client", "DNS:penstock")
    shutil.copy(good, cert)
    p.signal(signal.SIGHUP)
    p.wait_log("does not belong to the certificate")  # half of it is there
    shutil.copy(good_key, key)
    p.signal(signal.SIGHUP)
    p.wait_log('"configuration reloaded"')
    assert [r.body for r in strict.wait(1)] == [BODY]


def delivers_to_nobody_it_cannot_verify(flow):
    ca, stranger = Authority(flow.folder), Authority(os.path.join(flow.folder, "stranger"), "stranger")
    sinks = {"name": _tls_sink(flow, ca.make("other", "DNS:elsewhere.example")),
             "old": _tls_sink(flow, ca.make("old", days=-1)),
             "unknown": _tls_sink(flow, stranger.make("unknown")),
             "address": _tls_sink(flow, ca.make("name-only", "DNS:localhost"))}
    p = flow.penstock({key: "{ url: 'https://%s:%d/', tls: { ca_file: %s } }" % (
        "127.0.0.1" if key == "address" else "localhost", sink.port, ca.cert) for key, sink in sinks.items()}, flow.redis())
    assert p.stripe(BODY).status == 200
    for key in sinks:
        wait_for(lambda: 'penstock_attempts_total{destination="%s",outcome="tls"}' % key in p.admin("/metrics")[1],
                 key + " to be refused")
    assert not any(sink.requests for sink in sinks.values())
