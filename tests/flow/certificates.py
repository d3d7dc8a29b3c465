"""Certificates for tests, made by the openssl command: a CA, and what it signs."""
import os
import re
import subprocess

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
RSA = ["-newkey", "rsa:2048", "-nodes"]


def _openssl(*args, check=True):
    return subprocess.run(["openssl", *args], check=check, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


class Authority:
    def __init__(self, folder, name="ca"):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.name = folder, name
        self.cert, self._key = self.path(name + ".pem"), self.path(name + ".key")
        _openssl("req", "-x509", *EC, "-keyout", self._key, "-out", self.cert, "-days", "90", "-subj", "/CN=" + name,
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name, names="DNS:localhost,IP:127.0.0.1", days=30, kind=EC):
        """(cert_file, key_file); days -1: expired."""
        cert, key, request, more = (self.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        _openssl("req", *kind, "-keyout", key, "-out", request, "-subj", "/CN=" + name)
        with open(more, "w") as f:
            f.write("subjectAltName=" + names)
        sign = ["x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self._key, "-CAcreateserial",
                "-out", cert, "-extfile", more]
        # OpenSSL 3.0 takes negative days, 3.4 and later dates instead.
        if not _openssl(*sign, "-days", str(days), check=days >= 0):
            _openssl(*sign, "-not_before", "20200101000000Z", "-not_after", "20200102000000Z")
        return cert, key

    def tls(self, *args, **more):
        """The YAML of a tls block around a certificate of its own."""
        cert, key = self.make(*args, **more)
        return "cert_file: %s, key_file: %s" % (cert, key)


def pieces_of_key(key_file):
    """(where it lies, 16 bytes) of what is secret in it: its numbers, either end first, and the text of the file."""
    text = subprocess.run(["openssl", "pkey", "-in", key_file, "-noout", "-text"], check=True, capture_output=True,
                          text=True).stdout
    pieces = []
    for name, digits in re.findall(r"^(priv|privateExponent|prime1|prime2):\n((?: +[0-9a-f:]+\n)+)", text, re.MULTILINE):
        number = bytes.fromhex(re.sub(r"[\s:]", "", digits))
        piece = number[-16:]
        pieces += [(name, piece), (name, piece[::-1])]
    lines = open(key_file).read().splitlines()[1:-1]
    middle = lines[len(lines) // 2]  # its beginning is public
    return pieces + [("file", middle[at:at + 16].encode()) for at in (0, 8)]
