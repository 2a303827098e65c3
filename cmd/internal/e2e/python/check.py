"""Checks, codes and clients.

A script prints a line of JSON for each thing that it checks; the Go test that
runs it makes subtests of them.
"""

import base64
import hashlib
import hmac
import json
import os
import struct
import time
import traceback

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

shop = json.loads(os.environ["ROWAN_E2E"])


def check(name):
    """Runs a function at once, as a check."""

    def run(function):
        try:
            got = function()
        except Exception:  # whatever went wrong is the check's result
            print(json.dumps({"check": name, "error": traceback.format_exc()}), flush=True)
            return None
        print(json.dumps({"check": name}), flush=True)
        return got

    return run


def refuses(what, code, call, message=""):
    """Checks that a call fails with an error of the wire."""

    @check("refuses " + what)
    def run():
        try:
            call()
        except ClientError as e:
            error = e.response["Error"]
            assert error["Code"] == code, error
            assert message in error["Message"], error
            return e
        raise AssertionError("it was allowed")

    return run


def client(service, key=None, secret=None, token=None, **more):
    """A client of the server; without keys it signs nothing."""
    if key is None:
        more["config"] = Config(signature_version=UNSIGNED)
    return boto3.client(
        service,
        endpoint_url=shop["url"],
        region_name=shop["region"],
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        **more,
    )


def mailed(to):
    """The code of the first message that an address gets."""
    for _ in range(500):
        with open(shop["mail"], encoding="utf-8") as out:
            lines = [line for line in out if line.startswith("mail to %s (" % to) and line.endswith("\n")]
        if lines:
            return lines[0].split("): ", 1)[1].rstrip("\n")
        time.sleep(0.02)
    raise AssertionError("no message to " + to)


def totp(secret, steps=0):
    """The code of an authenticator app, some steps of 30 s from now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + steps), hashlib.sha1).digest()
    at = mac[19] & 15
    return "%06d" % ((struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000)


def secret_hash(username, client_id, secret):
    """SECRET_HASH of a client that has a secret."""
    return base64.b64encode(hmac.new(secret.encode(), (username + client_id).encode(), hashlib.sha256).digest()).decode()


def altered(token):
    """A token with another signature, or another secret key."""
    return token[:-8] + ("B" if token[-8] == "A" else "A") + token[-7:]
