#!/usr/bin/env python3
"""A product cloud in one file: a callee of type Other (HTTP Basic), with nothing but Python's standard library.

It keeps devices in memory; put your own registry where `devices` is. docs/interop.md says what is what.

    python3 callee.py PORT CREDENTIALS TLS_CERT TLS_KEY      CREDENTIALS: a file that holds username:password
"""
import base64, hashlib, hmac, json, ssl, sys, threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 25 * 1024 * 1024
CERTIFICATES = ("provision", "status", "deprovision")
devices, lock = {}, threading.Lock()  # name -> SHA-256 of the certificate that it may connect with


class Refusal(Exception):
    """Why one certificate is refused: a code, v1's text for it, and whether to try again."""


def items(der, at, end):
    """Yields (tag, start, end) of the DER values between two offsets."""
    while at < end:
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at:at + size], "big"), at + size
        if at + length > end:
            raise ValueError("it breaks off")
        yield tag, at, at + length
        at += length


def time_of(der, tag, start, end):
    text = der[start:end].decode("ascii")
    if tag == 0x17:  # UTCTime has two digits for the year
        text = ("20" if text < "50" else "19") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def read_certificate(cert, validity_counts):
    """The device's name (its serial number in upper-case hex) and the certificate's SHA-256."""
    try:
        der = ssl.PEM_cert_to_DER_cert(base64.b64decode(cert).decode("ascii"))
        [(_, start, end)] = items(der, 0, len(der))
        _, start, end = next(items(der, start, end))
        fields = [field for field in items(der, start, end) if field[0] != 0xA0]  # without the version
        serial = der[fields[0][1]:fields[0][2]].lstrip(b"\0").hex().upper()
        begins, ends = (time_of(der, *each) for each in items(der, fields[3][1], fields[3][2]))
    except (ValueError, IndexError, StopIteration):
        raise Refusal("CertificateUndecodable", "Cannot decode certitifcate", False) from None
    if validity_counts and not begins <= datetime.now(timezone.utc) <= ends:
        raise Refusal("ValidityOutOfRange", "Certificate notBefore or notAfter is out of range", False)
    return serial, hashlib.sha256(der).hexdigest().upper()


def act(action, cert):
    """Does one thing with one certificate; the members of its SUCCESS entry."""
    name, fingerprint = read_certificate(cert, action == "provision")
    with lock:
        holder = devices.get(name)
        is_in = holder == fingerprint
        if action == "provision":
            if holder is not None and not is_in:
                raise Refusal("ExistsWithAnotherCertificate", "Device exists with another certificate", False)
            devices[name] = fingerprint
            return {"endpoint": "devices.example.com", "topic": "iqs", "policyApplied": True}
        if action == "deprovision":
            if is_in:
                del devices[name]
            return {"removed": is_in}
    differs = [] if is_in else ["Missing"] + (["ExistsWithAnotherCertificate"] if holder else [])
    flags = {"present": is_in, "active": is_in, "attached": is_in, "policyApplied": is_in}
    return {"name": name, **flags, "differs": differs}


def entry(action, ref, cert, codes):
    try:
        return {"ref": ref, "status": "SUCCESS", **act(action, cert)}
    except Refusal as refusal:
        code, message, retryable = refusal.args
        return {"ref": ref, "status": "ERROR", "message": message} | (
            {"code": code, "retryable": retryable} if codes else {})


def faults(request):
    """What does not fit; the whole request is refused for it."""
    if not isinstance(request, dict) or request.get("action") not in ("info", "message", *CERTIFICATES):
        return "action must be one of info | message | provision | status | deprovision"
    certs = request.get("certs")
    if request["action"] in ("provision", "deprovision") and not isinstance(certs, list):
        return "certs must be an array"
    if request["action"] in ("info", "message") and certs is not None:
        return "certs is not allowed with this action"
    for each in certs if isinstance(certs, list) else []:
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in ("ref", "cert")):
            return "certs entries must have ref and cert"
        try:
            base64.b64decode(each["cert"], validate=True)
        except ValueError:
            return "cert must be valid base64"
    return None


def answer(request):
    action, certs = request["action"], request.get("certs")
    if action == "info":
        capabilities = ["codes", "status", "deprovision"]
        return {"action": "info", "compatibilityVersion": 1, "capabilities": capabilities}
    if action not in CERTIFICATES or certs is None:
        return {"action": action, "message": "Not yet implemented."}
    return [entry(action, each["ref"], each["cert"], request.get("codes") is True) for each in certs]


class Callee(BaseHTTPRequestHandler):
    credentials = b""

    def do_GET(self):
        self.send(404, {"error": "Not found"})

    def do_POST(self):
        chunks = []
        left = int(self.headers.get("Content-Length") or 0)
        too_large = left > MAX_BODY
        while left > 0 and (chunk := self.rfile.read(min(left, 65536))):  # read it all, or the answer is lost
            left -= len(chunk)
            if not too_large:
                chunks.append(chunk)
        if self.path != "/interop":
            return self.send(404, {"error": "Not found"})
        if refusal := self.refusal():
            return self.send(401, {"error": refusal})
        if too_large:
            return self.send(413, {"error": "request entity too large"})
        try:
            request = json.loads(b"".join(chunks))
        except ValueError:
            return self.send(400, {"error": "the body is not valid JSON"})
        fault = faults(request)
        self.send(400, {"error": fault}) if fault else self.send(200, answer(request))

    def refusal(self):
        scheme, _, credentials = (self.headers.get("Authorization") or "").partition(" ")
        if not scheme:
            return "Missing Authorization Header"
        same = hmac.compare_digest(credentials.encode(), base64.b64encode(self.credentials))
        return None if scheme.lower() == "basic" and same else "Cannot verify credentials"

    def send(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port, credentials, tls_cert, tls_key = sys.argv[1:]
    with open(credentials, "rb") as file:
        Callee.credentials = file.read().rstrip(b"\r\n")
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Callee)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_cert, tls_key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(f"https://127.0.0.1:{server.server_address[1]}/interop", flush=True)
    server.serve_forever()
