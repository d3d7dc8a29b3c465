"""Certificates for tests, made by the openssl command: a CA, and what it signs."""
import os
import subprocess

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


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

    def make(self, name, names="DNS:localhost,IP:127.0.0.1", days=30):
        """(cert_file, key_file); days -1: expired."""
        cert, key, request, more = (self.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        _openssl("req", *EC, "-keyout", key, "-out", request, "-subj", "/CN=" + name)
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
