# SPDX-License-Identifier: Apache-2.0
"""A small threaded HTTP/1.1 server whose every misbehaviour can be scripted.

A stand-in derives from Server and answers in handle(); everything that goes wrong between an answer and
the client that waits for it (resets, hangs, half bodies) lives here, once, for all stand-ins.  Faults are
scripted by endpoint and by call; waiting is by condition, never by time.
"""

import json
import select
import socket
import struct
import threading
import time
from collections import deque
from email.utils import formatdate
from http.client import responses

HEAD_MAX = 256 * 1024
BODY_MAX = 64 * 1024 * 1024


class Answer:
    """What is said to the client: a status, headers and a body (text, bytes, or an object for JSON)."""

    def __init__(self, status=200, body=None, headers=None, content_type=None):
        self.status = status
        self.headers = dict(headers or {})
        if body is None:
            body = b""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            content_type = content_type or "application/json; charset=utf-8"
        self.body = body.encode() if isinstance(body, str) else body
        self.content_type = content_type or "text/html; charset=utf-8"

    def __repr__(self):     # stands in names of tests, so no address
        return f"answer-{self.status}"


class Fault:
    """before: instead of processing; after: processed, but the answer goes wrong.

    Each is an Answer, or one of
      reset    the connection is reset
      close    the connection is closed without a byte
      early    (before only) closed when the head was read, the body was not
      hang     nothing is said until the client goes away or release() is called
      partial  the head promises more body than comes, then the connection is closed
      drip     the answer comes byte by byte, `every` seconds apart
      endless  a body that never ends
      empty    200 without a body;   html   200 with a page;   other   200 with JSON of another shape
    """

    WORDS = {"reset", "close", "early", "hang", "partial", "half", "drip", "endless", "empty", "html", "other"}

    def __init__(self, before=None, after=None, every=10.0):
        for word in (before, after):
            if isinstance(word, str) and word not in self.WORDS:
                raise ValueError(f"no such fault: {word}")
        self.before, self.after, self.every = before, after, every
        self.released = threading.Event()

    def release(self):
        """Lets a hanging exchange go on: what it was to do is done now, and answered."""
        self.released.set()


class Request:
    """One request as it arrived, and what became of it."""

    def __init__(self, number, connection, on_connection, method, target, headers):
        self.number = number                    # from 1, over the life of the server
        self.connection = connection            # which TCP connection
        self.on_connection = on_connection      # 1: the first request on it
        self.method, self.target, self.headers = method, target, headers
        self.body = b""
        self.at = time.monotonic()
        self.answered_at = None
        self.status = None                      # what was answered; None: nothing came to be said
        self.applied = False                    # it changed something
        self.endpoint = ""
        self.kind = None                        # how else faults may call it: a look-up among reads
        self.args, self.query, self.json = [], {}, None

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[0] if values else None

    def header_count(self, name):
        return sum(1 for key, _ in self.headers if key.lower() == name.lower())

    def __repr__(self):
        return f"<{self.number} {self.method} {self.target[:120]} {self.status} applied={self.applied}>"


class Gone(Exception):
    """The client went away, or the server stops."""


class Server:
    """Subclasses: name_endpoint(request) and handle(request) -> Answer."""

    def __init__(self):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.requests = []
        self.latency = 0.0
        self.chunked = False
        self._plan = {}                         # endpoint -> deque of Fault or None
        self._always = {}                       # endpoint -> Fault
        self._at = {}                           # number of a request -> Fault
        self._listener = None
        self._connections = {}
        self._connection_count = 0
        self._number = 0
        self._stopping = threading.Event()
        self.port = 0

    # ---- life ----

    def start(self):
        self.up()
        return self

    def stop(self):
        self._stopping.set()
        self.down()

    def up(self):
        """Listens, on the port it had before if there was one."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self):
        """From now on connections are refused; those that are open are reset."""
        listener, self._listener = self._listener, None
        if listener is not None:
            try:
                listener.shutdown(socket.SHUT_RDWR)     # wakes accept()
            except OSError:
                pass
            listener.close()
        with self.lock:
            connections = list(self._connections.values())
        for sock in connections:
            _reset(sock)

    @property
    def listening(self):
        return self._listener is not None

    @property
    def stopped(self):
        return self._stopping.is_set()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # ---- script ----

    def answers(self, endpoint, *answers):
        """The next calls of endpoint get these, in order: a status, an Answer, a Fault; 200 and None: as usual."""
        with self.lock:
            plan = self._plan.setdefault(endpoint, deque())
            plan.extend(self._as_fault(answer) for answer in answers)

    def fault(self, endpoint, before=None, after=None, call=1, times=1, every=10.0):
        """The call-th next call of endpoint goes wrong, and the times - 1 after it. Returns the last Fault."""
        fault = None
        with self.lock:
            plan = self._plan.setdefault(endpoint, deque())
            for index in range(call - 1, call - 1 + times):
                while len(plan) <= index:
                    plan.append(None)
                fault = Fault(before, after, every)
                plan[index] = fault
        return fault

    def always(self, endpoint, answer):
        """Every call of endpoint ("*": of all) gets this, until calm()."""
        with self.lock:
            fault = self._as_fault(answer)
            self._always[endpoint] = fault
        return fault

    def fault_at(self, number, before=None, after=None):
        """The number-th request from now, whatever it asks, goes wrong."""
        with self.lock:
            fault = Fault(before, after)
            self._at[self._number + number] = fault
        return fault

    def calm(self):
        """Forgets all scripted faults and lets hanging exchanges go on."""
        with self.lock:
            faults = list(self._always.values()) + list(self._at.values())
            for plan in self._plan.values():
                faults.extend(plan)
            self._plan.clear()
            self._always.clear()
            self._at.clear()
        for fault in faults:
            if fault is not None:
                fault.release()

    def _as_fault(self, answer):
        if answer is None or answer == 200 or isinstance(answer, Fault):
            return answer if isinstance(answer, Fault) else None
        if isinstance(answer, Answer):
            return Fault(before=answer)
        return Fault(before=self.error(answer))

    def error(self, status, headers=None):
        """The Answer this kind of server gives with an error status."""
        return Answer(status, f"<html><body>{status} {responses.get(status, '')}</body></html>", headers)

    def _pick(self, request):
        with self.lock:
            if request.number in self._at:
                return self._at.pop(request.number)
            names = (request.kind, request.endpoint, "*")
            for name in names:
                if self._plan.get(name):
                    return self._plan[name].popleft()
            return next((self._always[name] for name in names if name in self._always), None)

    # ---- what tests ask ----

    def calls(self, endpoint=None, method=None):
        with self.lock:
            return [request for request in self.requests
                    if (endpoint is None or endpoint in (request.endpoint, request.kind))
                    and (method is None or request.method == method)]

    def wait_for(self, endpoint, count=1, timeout=20.0, answered=False):
        """Waits until endpoint was called count times (read whole; answered: and the answer has left)."""
        def there():
            calls = self.calls(endpoint)
            if answered:
                calls = [call for call in calls if call.answered_at is not None]
            return len(calls) >= count
        self.wait_until(there, timeout, f"{count} call(s) of {endpoint}")

    def wait_until(self, condition, timeout=20.0, what="a condition"):
        """Waits for something that a request brings about."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise AssertionError(f"waited {timeout} s for {what}; requests so far:\n" + self.story())

    def story(self):
        with self.lock:
            return "\n".join(repr(request) for request in self.requests) or "(none)"

    # ---- one connection ----

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self._connection_count += 1
                number = self._connection_count
                self._connections[number] = sock
            if self._listener is not listener:
                _reset(sock)
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, connection):
        served = 0
        pending = bytearray()
        try:
            while True:
                served += 1
                if not self._exchange(sock, connection, served, pending):
                    break
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self._connections.pop(connection, None)
            sock.close()

    def _exchange(self, sock, connection, served, pending):
        head = self._read_head(sock, pending)
        lines = head.split(b"\r\n")
        parts = lines[0].decode("latin-1").split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            self.bad_request(f"request line {lines[0][:200]!r}")
            return False
        headers = []
        for line in lines[1:]:
            key, colon, value = line.decode("latin-1").partition(":")
            if not colon or key != key.strip():
                self.bad_request(f"header line {line[:200]!r}")
                return False
            headers.append((key, value.strip()))
        with self.lock:
            self._number += 1
            request = Request(self._number, connection, served, parts[0], parts[1], headers)
        self.name_endpoint(request)
        fault = self._pick(request)
        before = fault.before if fault else None
        if before != "early":
            self._read_body(sock, request, pending)
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        try:
            return self._answer(sock, request, fault, before)
        finally:
            with self.changed:
                request.answered_at = time.monotonic()
                self.changed.notify_all()

    def _answer(self, sock, request, fault, before):
        if before in ("reset", "close", "early"):
            if before == "reset":
                _reset(sock)
            return False
        if before == "hang":
            self._hang(sock, fault)
        elif isinstance(before, str):
            return self._misbehave(sock, request, fault, before, Answer(200, {}))
        elif before is not None:
            return self._send(sock, request, before)
        if self.latency:
            self._stopping.wait(self.latency)
        answer = self.handle(request)
        with self.changed:
            self.changed.notify_all()
        after = fault.after if fault else None
        if isinstance(after, Answer):
            answer, after = after, None
        if after is not None:
            return self._misbehave(sock, request, fault, after, answer)
        return self._send(sock, request, answer)

    def _misbehave(self, sock, request, fault, how, answer):
        if how == "reset":
            _reset(sock)
            return False
        if how == "close":
            return False
        if how == "hang":
            self._hang(sock, fault)
            return self._send(sock, request, answer)
        if how in ("empty", "html", "other"):
            said = {"empty": Answer(200, b"", content_type="application/json"),
                    "html": Answer(200, "<!DOCTYPE html><html><title>Log in</title><p>Session expired</html>"),
                    "other": Answer(200, {"hello": [1, 2, {"x": None}]})}[how]
            return self._send(sock, request, said)
        request.status = answer.status
        if how == "partial":
            body = answer.body or b"{}"
            sock.sendall(self._head(answer, len(body) + 64) + body[:max(1, len(body) // 2)])
            return False
        if how == "half":                       # and then nothing: the connection stays
            whole = self._head(answer, len(answer.body)) + answer.body
            sock.sendall(whole[:len(whole) - len(answer.body) // 2 - 1])
            self._hang(sock, fault)
            return False
        if how == "drip":
            whole = self._head(answer, len(answer.body)) + answer.body
            for index in range(len(whole)):
                self._wait_peer(sock, fault.every)
                sock.sendall(whole[index:index + 1])
            return True
        assert how == "endless"
        sock.sendall(self._head(answer, None))
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        while not self._stopping.is_set():
            sock.sendall(chunk)
        return False

    def _hang(self, sock, fault):
        while not fault.released.is_set():
            self._wait_peer(sock, 0.02)

    def _wait_peer(self, sock, seconds):
        """Waits so long at most; Gone when the client has left or the server stops."""
        end = time.monotonic() + seconds
        while True:
            if self._stopping.is_set():
                raise Gone
            readable, _, _ = select.select([sock], [], [], max(0.0, min(0.05, end - time.monotonic())))
            if readable and not sock.recv(1, socket.MSG_PEEK):
                raise Gone
            if time.monotonic() >= end:
                return

    def _send(self, sock, request, answer):
        request.status = answer.status
        if self.chunked and answer.body:
            half = max(1, len(answer.body) // 2)
            parts = [answer.body[:half], answer.body[half:]]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
            sock.sendall(self._head(answer, None) + body)
        else:
            sock.sendall(self._head(answer, len(answer.body)) + answer.body)
        return (request.header("Connection") or "").lower() != "close"

    def _head(self, answer, length):
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}",
                 f"Date: {formatdate(usegmt=True)}",
                 f"Content-Type: {answer.content_type}"]
        lines.append("Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}")
        lines.extend(f"{key}: {value}" for key, value in answer.headers.items())
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    # ---- reading ----

    def _more(self, sock, pending):
        data = sock.recv(256 * 1024)
        if not data:
            raise Gone
        pending += data

    def _read_head(self, sock, pending):
        while True:
            end = pending.find(b"\r\n\r\n")
            if end >= 0:
                head = bytes(pending[:end])
                del pending[:end + 4]
                return head
            if len(pending) > HEAD_MAX:
                raise Gone
            self._more(sock, pending)

    def _read_body(self, sock, request, pending):
        if (request.header("Expect") or "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if (request.header("Transfer-Encoding") or "").lower() == "chunked":
            request.body = self._read_chunked(sock, pending)
            return
        length = request.header("Content-Length")
        if length is None:
            return
        if not length.isdigit() or int(length) > BODY_MAX:
            self.bad_request(f"Content-Length {length!r}")
            raise Gone
        while len(pending) < int(length):
            self._more(sock, pending)
        request.body = bytes(pending[:int(length)])
        del pending[:int(length)]

    def _read_chunked(self, sock, pending):
        body = bytearray()
        while True:
            while b"\r\n" not in pending:
                self._more(sock, pending)
            line, _, _ = bytes(pending).partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if len(body) + size > BODY_MAX:
                raise Gone
            del pending[:len(line) + 2]
            while len(pending) < size + 2:
                self._more(sock, pending)
            body += pending[:size]
            del pending[:size + 2]
            if size == 0:
                return bytes(body)

    # ---- for subclasses ----

    def name_endpoint(self, request):
        raise NotImplementedError

    def handle(self, request):
        raise NotImplementedError

    def bad_request(self, what):
        raise NotImplementedError


def _reset(sock):
    """The peer sees ECONNRESET, not an orderly end."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    sock.close()
