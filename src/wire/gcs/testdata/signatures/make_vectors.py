"""Writes vectors.json: signed requests and form uploads, good and bad, with the expected answer.

Two signers that share nothing with the server made them: google-cloud-storage's own, and the one in
this file, written from the public description. Run it again to get vectors with a new key:

    build/venv/bin/python src/wire/gcs/testdata/signatures/make_vectors.py
"""
import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import urllib.parse
from unittest import mock

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from google.cloud import storage
from google.cloud.storage import _signing
from google.oauth2 import service_account

HOST = "store.test:8080"
NOW = datetime.datetime(2023, 11, 14, 22, 13, 20)  # the tests' clock
STAMP, DAY = NOW.strftime("%Y%m%dT%H%M%SZ"), NOW.strftime("%Y%m%d")
EMAIL = "signer@p.iam.gserviceaccount.com"
ACCESS_ID, SECRET = "GOOG1EXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLE", "bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ"
OBJECT = "dir/a b+\u00fc~.txt"
PATH = "/bucket/" + urllib.parse.quote(OBJECT, safe="/~")
BODY = "the bytes"

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
small_key = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def pem(private):
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()


def public_pem(private):
    return private.public_key().public_bytes(serialization.Encoding.PEM,
                                             serialization.PublicFormat.SubjectPublicKeyInfo).decode()


credentials = service_account.Credentials.from_service_account_info({
    "type": "service_account", "client_email": EMAIL, "private_key": pem(key), "private_key_id": "1",
    "token_uri": "http://" + HOST + "/token", "project_id": "p"})

vectors = []


def add(name, status, method, target, headers=None, body="", host=HOST):
    vectors.append({"name": name, "status": status, "method": method, "target": target,
                    "headers": headers or {}, "body": body, "host": host})


# -- the signer of this file ------------------------------------------------------------------------

def quote(text):
    return urllib.parse.quote(text, safe="~")


def rsa_sign(data, private=key, algorithm=hashes.SHA256()):
    return private.sign(data, padding.PKCS1v15(), algorithm)


def hmac_sign(data, secret=SECRET, prefix="GOOG4", day=DAY, location="auto", service="storage",
              terminator="goog4_request"):
    k = (prefix + secret).encode()
    for part in (day, location, service, terminator):
        k = hmac.new(k, part.encode(), hashlib.sha256).digest()
    return hmac.new(k, data, hashlib.sha256).digest()


def canonical(method, path, query, headers, payload):
    lowered = sorted((k.lower(), " ".join(v.split())) for k, v in headers.items())
    return "\n".join([method, path, query, *[f"{k}:{v}" for k, v in lowered], "",
                      ";".join(k for k, _ in lowered), payload])


def signed_url(method="GET", path=PATH, headers=None, query=None, expires="3600", stamp=STAMP,
               algorithm="GOOG4-RSA-SHA256", credential=None, sign=rsa_sign, payload="UNSIGNED-PAYLOAD",
               prefix="X-Goog-", terminator="goog4_request", service="storage", signed=None, host=HOST):
    headers = {"host": host, **(headers or {})}
    scope = f"{stamp[:8]}/auto/{service}/{terminator}"
    parameters = {prefix + "Algorithm": algorithm,
                  prefix + "Credential": credential or f"{EMAIL}/{scope}",
                  prefix + "Date": stamp, prefix + "Expires": expires,
                  prefix + "SignedHeaders": signed or ";".join(sorted(h.lower() for h in headers)),
                  **(query or {})}
    text = "&".join(f"{quote(k)}={quote(v)}" for k, v in sorted(parameters.items()))
    request = canonical(method, path, text, headers, payload)
    to_sign = "\n".join([algorithm, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    return f"{path}?{text}&{prefix}Signature={sign(to_sign.encode()).hex()}"


def with_parameter(url, name, value):
    """The URL with the value of one parameter replaced (None: taken out)."""
    path, query = url.split("?", 1)
    pairs = [p.split("=", 1) for p in query.split("&")]
    pairs = [[k, value if k == name else v] for k, v in pairs if not (k == name and value is None)]
    return path + "?" + "&".join("=".join(p) for p in pairs)


def parameter(url, name):
    return dict(p.split("=", 1) for p in url.split("?", 1)[1].split("&"))[name]


# -- what must pass ---------------------------------------------------------------------------------

def google_v4(method="GET", **kwargs):
    url = _signing.generate_signed_url_v4(
        credentials, resource=PATH, expiration=kwargs.pop("expiration", 3600), method=method,
        api_access_endpoint="http://" + HOST, _request_timestamp=STAMP, **kwargs)
    return url.removeprefix("http://" + HOST)


def google_v2(method="GET", seconds=600, **kwargs):
    url = _signing.generate_signed_url_v2(
        credentials, resource=PATH, method=method, api_access_endpoint="http://" + HOST,
        expiration=int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()) + seconds, **kwargs)
    return url.removeprefix("http://" + HOST)


HMAC = dict(algorithm="GOOG4-HMAC-SHA256", credential=f"{ACCESS_ID}/{DAY}/auto/storage/goog4_request", sign=hmac_sign)
AWS = dict(algorithm="AWS4-HMAC-SHA256", prefix="X-Amz-", service="s3", terminator="aws4_request",
           credential=f"{ACCESS_ID}/{DAY}/auto/s3/aws4_request",
           sign=lambda d: hmac_sign(d, prefix="AWS4", service="s3", terminator="aws4_request"))

add("google v4 GET", 200, "GET", google_v4())
add("google v4 HEAD", 200, "HEAD", google_v4("HEAD"))
add("google v4 longest life", 200, "GET", google_v4(expiration=604800))
add("google v4 PUT with a signed content type", 200, "PUT", google_v4("PUT", headers={"Content-Type": "text/x"}),
    {"Content-Type": "text/x"}, BODY)
add("google v4 PUT with metadata", 200, "PUT", google_v4("PUT", headers={"x-goog-meta-colour": "two   spaces"}),
    {"x-goog-meta-colour": "two spaces"}, BODY)
add("google v4 with query parameters", 200, "GET",
    google_v4(response_disposition='attachment; filename="a b.txt"', query_parameters={"userProject": "p"}))
add("google v4 resumable start", 201, "POST", google_v4("RESUMABLE"), {"x-goog-resumable": "start"})
add("google v4 DELETE", 204, "DELETE", google_v4("DELETE"))
add("google v2 GET", 200, "GET", google_v2())
add("google v2 GET with a disposition", 200, "GET", google_v2(response_disposition="inline"))
add("google v2 PUT", 200, "PUT", google_v2("PUT", content_type="text/y", headers={"x-goog-meta-a": "b"}),
    {"Content-Type": "text/y", "x-goog-meta-a": "b"}, BODY)
add("google v2 with query parameters", 200, "GET", google_v2(query_parameters={"userProject": "p"}))
add("own v4 GET", 200, "GET", signed_url())
add("own v4 of the JSON API", 200, "GET", signed_url(path="/storage/v1/b/bucket/o/dir%2Fa%20b%2B%C3%BC~.txt",
                                                      query={"alt": "media"}))
add("own v4 hmac", 200, "GET", signed_url(**HMAC))
add("own v4 aws words", 200, "GET", signed_url(**AWS))
add("own v4 with the signed hash of the body", 200, "PUT",
    signed_url("PUT", headers={"x-goog-content-sha256": hashlib.sha256(BODY.encode()).hexdigest()},
               payload=hashlib.sha256(BODY.encode()).hexdigest()),
    {"x-goog-content-sha256": hashlib.sha256(BODY.encode()).hexdigest()}, BODY)
add("own v4 of a bucket's own host", 200, "GET", signed_url(path=PATH.removeprefix("/bucket"), host="bucket.localhost:8080"),
    host="bucket.localhost:8080")
add("own v4 with the host's name alone", 200, "GET", signed_url(host="store.test"))
add("own v4 one second before the end", 200, "GET",
    signed_url(stamp=(NOW - datetime.timedelta(seconds=59)).strftime("%Y%m%dT%H%M%SZ"), expires="60"))
add("own v4 signer's clock a little ahead", 200, "GET",
    signed_url(stamp=(NOW + datetime.timedelta(minutes=14)).strftime("%Y%m%dT%H%M%SZ")))
add("parameters in another order", 200, "GET",
    PATH + "?" + "&".join(reversed(signed_url().split("?", 1)[1].split("&"))))
add("a harmless unsigned header", 200, "GET", signed_url(), {"x-goog-api-client": "gl-python/3"})


def header_signed(method, path, body, words="GOOG4", headers=None, stamp=STAMP, secret=SECRET, query=""):
    lower = "x-goog-" if words == "GOOG4" else "x-amz-"
    service, terminator = ("storage", "goog4_request") if words == "GOOG4" else ("s3", "aws4_request")
    digest = hashlib.sha256(body.encode()).hexdigest()
    headers = {"host": HOST, lower + "date": stamp, lower + "content-sha256": digest, **(headers or {})}
    scope = f"{stamp[:8]}/us-central1/{service}/{terminator}"
    request = canonical(method, path, query, headers, digest)
    to_sign = "\n".join([words + "-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac_sign(to_sign.encode(), secret, words, stamp[:8], "us-central1", service, terminator).hex()
    names = ";".join(sorted(headers))
    sent = {k: v for k, v in headers.items() if k != "host"}
    return {**sent, "Authorization": f"{words}-HMAC-SHA256 Credential={ACCESS_ID}/{scope}, SignedHeaders={names}, "
                                     f"Signature={signature}"}


add("header v4 GET", 200, "GET", PATH, header_signed("GET", PATH, ""))
add("header v4 PUT", 200, "PUT", PATH, header_signed("PUT", PATH, BODY), BODY)
add("header v4 aws words PUT", 200, "PUT", PATH, header_signed("PUT", PATH, BODY, "AWS4", {"x-amz-meta-a": "b"}), BODY)
date = NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
v2_mac = base64.b64encode(hmac.new(SECRET.encode(), f"GET\n\n\n{date}\n{PATH}".encode(), hashlib.sha1).digest()).decode()
add("header v2 GET", 200, "GET", PATH, {"Date": date, "Authorization": f"GOOG1 {ACCESS_ID}:{v2_mac}"})

# -- what must not ----------------------------------------------------------------------------------

good = signed_url()
signature = parameter(good, "X-Goog-Signature")


def flip(text, at):
    return text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1:]


for at in (0, 255, 511):
    add(f"signature digit {at} changed", 403, "GET", with_parameter(good, "X-Goog-Signature", flip(signature, at)))
add("signature truncated", 403, "GET", with_parameter(good, "X-Goog-Signature", signature[:-2]))
add("signature with a byte more", 403, "GET", with_parameter(good, "X-Goog-Signature", signature + "00"))
add("signature with a byte before", 403, "GET", with_parameter(good, "X-Goog-Signature", "00" + signature))
add("signature of odd length", 400, "GET", with_parameter(good, "X-Goog-Signature", signature[:-1]))
add("signature in upper case", 400, "GET", with_parameter(good, "X-Goog-Signature", signature.upper()))
add("signature with a blank", 400, "GET", with_parameter(good, "X-Goog-Signature", signature[:8] + "%20" + signature[8:]))
add("signature empty", 400, "GET", with_parameter(good, "X-Goog-Signature", ""))
add("signature all zero", 403, "GET", with_parameter(good, "X-Goog-Signature", "00" * 256))
add("signature all ff", 403, "GET", with_parameter(good, "X-Goog-Signature", "ff" * 256))
add("signature in base64", 400, "GET", with_parameter(good, "X-Goog-Signature", quote(base64.b64encode(bytes.fromhex(signature)).decode())))
for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"):
    full = "X-Goog-" + name
    add(f"{name} missing", 400 if name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature") else 403,
        "GET", with_parameter(good, full, None))
    add(f"{name} twice", 400, "GET", good + f"&{full}={parameter(good, full)}")
add("another object", 403, "GET", good.replace("/bucket/dir/", "/bucket/Dir/"))
add("another spelling of the path", 403, "GET", good.replace("/dir/", "/dir%2F"))
add("another bucket", 403, "GET", good.replace("/bucket/", "/bucket2/"))
add("another method", 403, "DELETE", good)
add("another method by override", 403, "POST", signed_url("POST"), {"X-HTTP-Method-Override": "DELETE"})
add("HEAD with a GET", 403, "HEAD", good)
add("another host", 403, "GET", good, host="store.test:8081")
add("another host's name alone", 403, "GET", signed_url(host="evil.test"))
add("another host name", 403, "GET", good, host="evil.test:8080")
add("a parameter added", 403, "GET", good + "&generation=1")
add("a parameter added in front", 403, "GET", good.replace("?", "?acl&", 1))
add("a longer life", 403, "GET", with_parameter(good, "X-Goog-Expires", "3601"))
add("another date", 403, "GET", with_parameter(good, "X-Goog-Date", STAMP[:-2] + "1Z"))
add("another account", 403, "GET", with_parameter(good, "X-Goog-Credential", quote(f"eve@p.iam.gserviceaccount.com/{DAY}/auto/storage/goog4_request")))
add("another location", 403, "GET", with_parameter(good, "X-Goog-Credential", quote(f"{EMAIL}/{DAY}/us/storage/goog4_request")))
add("a header added", 403, "GET", good, {"x-goog-encryption-algorithm": "AES256"})
add("an amazon header added", 403, "GET", good, {"x-amz-copy-source": "/bucket/x"})
add("copy source added to a PUT", 403, "PUT", signed_url("PUT"), {"x-goog-copy-source": "/bucket/x"}, BODY)
add("resumable added to a POST", 403, "POST", signed_url("POST"), {"x-goog-resumable": "start"})
add("a signed header missing", 403, "PUT", signed_url("PUT", headers={"content-type": "a/b"}), {}, BODY)
add("a signed header changed", 403, "PUT", signed_url("PUT", headers={"content-type": "a/b"}), {"Content-Type": "a/c"}, BODY)
add("host not signed", 400, "GET", signed_url(signed="content-type", headers={"content-type": "a"}), {"Content-Type": "a"})
add("signed headers not sorted", 400, "GET", signed_url(headers={"content-type": "a"}, signed="host;content-type"), {"Content-Type": "a"})
add("signed headers in upper case", 400, "GET", signed_url(signed="Host"))
add("signed headers with a name twice", 400, "GET", signed_url(signed="host;host"))
for bad in ("GOOG4-RSA-SHA512", "goog4-rsa-sha256", "none", "AWS4-HMAC-SHA256", "GOOG4-RSA-SHA1"):
    add(f"algorithm {bad}", 400, "GET", signed_url(algorithm=bad))
add("rsa credential called hmac", 403, "GET", signed_url(algorithm="GOOG4-HMAC-SHA256"))
add("hmac of the public key", 403, "GET",
    signed_url(algorithm="GOOG4-HMAC-SHA256", sign=lambda d: hmac_sign(d, public_pem(key))))
add("hmac credential called rsa", 403, "GET", signed_url(credential=HMAC["credential"]))
add("hmac with another secret", 403, "GET", signed_url(**{**HMAC, "sign": lambda d: hmac_sign(d, "x" * 40)}))
add("hmac truncated", 403, "GET", signed_url(**{**HMAC, "sign": lambda d: hmac_sign(d)[:-1]}))
add("hmac of one byte", 403, "GET", signed_url(**{**HMAC, "sign": lambda d: hmac_sign(d)[:1]}))
add("hmac scope of another day", 403, "GET", signed_url(**{**HMAC, "sign": lambda d: hmac_sign(d, day="20231113")}))
add("hmac in aws words with google's prefix", 403, "GET", signed_url(**{**AWS, "sign": hmac_sign}))
add("signed with another key", 403, "GET", signed_url(sign=lambda d: rsa_sign(d, other_key)))
add("signed with a short key", 403, "GET", signed_url(sign=lambda d: rsa_sign(d, small_key)))
add("signed with sha1", 403, "GET", signed_url(sign=lambda d: rsa_sign(d, algorithm=hashes.SHA1())))
add("signed with sha512", 403, "GET", signed_url(sign=lambda d: rsa_sign(d, algorithm=hashes.SHA512())))
add("signed with pss", 403, "GET", signed_url(sign=lambda d: key.sign(
    d, padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH), hashes.SHA256())))
number = int(signature, 16) + key.public_key().public_numbers().n
if number.bit_length() <= 2048:
    add("signature plus the modulus", 403, "GET", with_parameter(good, "X-Goog-Signature", f"{number:0512x}"))
for bad in ("0", "604801", "-1", "1e3", "060", "%205", "18446744073709551616", "99999999999999999999", "3600s"):
    add(f"life of {bad}", 400, "GET", with_parameter(signed_url(expires=urllib.parse.unquote(bad)), "X-Goog-Expires", bad))
add("expired a second ago", 400, "GET",
    signed_url(stamp=(NOW - datetime.timedelta(seconds=61)).strftime("%Y%m%dT%H%M%SZ"), expires="60"))
add("from the future", 400, "GET", signed_url(stamp=(NOW + datetime.timedelta(minutes=16)).strftime("%Y%m%dT%H%M%SZ")))
for bad in ("20231114T221320", "2023-11-14T22:13:20Z", "20231314T221320Z", "20231114T221320z", "20231114 221320Z", ""):
    add(f"date '{bad}'", 400, "GET", with_parameter(good, "X-Goog-Date", quote(bad)))
for name, bad in {"without a location": f"{EMAIL}/{DAY}/storage/goog4_request",
                  "of another day": f"{EMAIL}/20231113/auto/storage/goog4_request",
                  "of another service": f"{EMAIL}/{DAY}/auto/compute/goog4_request",
                  "with aws's end": f"{EMAIL}/{DAY}/auto/storage/aws4_request",
                  "without an account": f"/{DAY}/auto/storage/goog4_request",
                  "of one word": EMAIL}.items():
    add(f"credential {name}", 400, "GET", with_parameter(good, "X-Goog-Credential", quote(bad)))
add("credential that reaches for another key", 403, "GET",
    with_parameter(good, "X-Goog-Credential", quote(f"{EMAIL}/1/{DAY}/auto/storage/goog4_request")))
add("another body than its signed hash", 400, "PUT",
    signed_url("PUT", headers={"x-goog-content-sha256": hashlib.sha256(b"x").hexdigest()}, payload=hashlib.sha256(b"x").hexdigest()),
    {"x-goog-content-sha256": hashlib.sha256(b"x").hexdigest()}, BODY)
add("an odd payload hash", 400, "GET", signed_url(headers={"x-goog-content-sha256": "abc"}, payload="abc"), {"x-goog-content-sha256": "abc"})
add("a token beside the signature", 400, "GET", good, {"Authorization": "Bearer ann"})
good_headers = header_signed("GET", PATH, "")
add("header of another path", 403, "GET", PATH + "x", good_headers)
add("header with another secret", 403, "GET", PATH, header_signed("GET", PATH, "", secret="y" * 40))
add("header sixteen minutes old", 400, "GET", PATH,
    header_signed("GET", PATH, "", stamp=(NOW - datetime.timedelta(minutes=16)).strftime("%Y%m%dT%H%M%SZ")))
add("header over another body", 400, "PUT", PATH, header_signed("PUT", PATH, "others"), BODY)
add("header without a signature", 400, "GET", PATH,
    {**good_headers, "Authorization": good_headers["Authorization"].split(", Signature")[0]})
add("header v2 of another path", 403, "GET", PATH + "x", {"Date": date, "Authorization": f"GOOG1 {ACCESS_ID}:{v2_mac}"})
add("header v2 of another key", 403, "GET", PATH, {"Date": date, "Authorization": f"GOOG1 {ACCESS_ID}X:{v2_mac}"})
v2 = google_v2()
v2_signature = parameter(v2, "Signature")
add("v2 expired", 400, "GET", google_v2(seconds=-1))
add("v2 a longer life", 403, "GET", with_parameter(v2, "Expires", "1900000000"))
add("v2 another object", 403, "GET", v2.replace("/dir/", "/dip/"))
add("v2 another method", 403, "DELETE", v2)
add("v2 signature changed", 403, "GET", with_parameter(v2, "Signature", ("B" if v2_signature[0] == "A" else "A") + v2_signature[1:]))
add("v2 a subresource added", 403, "GET", v2 + "&acl")
add("v2 an upload added", 403, "PUT", google_v2("PUT") + "&uploadId=x&partNumber=1", {}, BODY)
add("v2 a header added", 403, "PUT", google_v2("PUT"), {"x-goog-copy-source": "/bucket/x"}, BODY)
add("v2 on the JSON API", 403, "GET", v2.replace(PATH, "/storage/v1/b/bucket/o"))
add("v2 Expires twice", 400, "GET", v2 + "&Expires=1900000000")
add("v2 Expires huge", 400, "GET", with_parameter(v2, "Expires", "99999999999999999999"))

# -- form uploads -----------------------------------------------------------------------------------

policies = []


def add_policy(name, status, fields, data="12345", bucket="bucket", filename="my file.txt"):
    policies.append({"name": name, "status": status, "fields": fields, "data": data, "bucket": bucket,
                     "filename": filename})


def google_policy(**kwargs):
    client = storage.Client(project="p", credentials=credentials)
    utc = NOW.replace(tzinfo=datetime.timezone.utc)
    with mock.patch("google.cloud.storage.client.get_v4_now_dtstamps", return_value=(STAMP, DAY)), \
            mock.patch("google.cloud.storage.client._NOW", return_value=utc):
        return client.generate_signed_post_policy_v4("bucket", kwargs.pop("key", "form/a.txt"),
                                                     expiration=datetime.timedelta(seconds=kwargs.pop("seconds", 600)),
                                                     **kwargs)["fields"]


def own_policy(conditions, fields, expiration="2023-11-14T22:30:00Z", sign=rsa_sign, algorithm="GOOG4-RSA-SHA256",
               credential=f"{EMAIL}/{DAY}/auto/storage/goog4_request", text=None):
    fields = {**fields, "x-goog-algorithm": algorithm, "x-goog-credential": credential, "x-goog-date": STAMP}
    base = [{"bucket": "bucket"}, {"x-goog-algorithm": algorithm}, {"x-goog-credential": credential}, {"x-goog-date": STAMP}]
    document = text or json.dumps({"conditions": base + conditions, "expiration": expiration})
    policy = base64.b64encode(document.encode()).decode()
    return {**fields, "policy": policy, "x-goog-signature": sign(policy.encode()).hex()}


KEY = [{"key": "form/b.txt"}]
KEY_FIELD = {"key": "form/b.txt"}
add_policy("google simple", 204, google_policy())
add_policy("google with fields", 204, google_policy(fields={"content-type": "text/z", "x-goog-meta-a": "b"}))
add_policy("google with a size range", 204, google_policy(conditions=[["content-length-range", 1, 5]]))
add_policy("google status 201", 201, google_policy(fields={"success_action_status": "201"}))
add_policy("google redirect", 303, google_policy(fields={"success_action_redirect": "http://www.example.com/done"}))
add_policy("google filename", 204, google_policy(key="form/${filename}"))
add_policy("own simple", 204, own_policy(KEY, KEY_FIELD))
add_policy("own hmac", 204, own_policy(KEY, KEY_FIELD, sign=hmac_sign, algorithm="GOOG4-HMAC-SHA256",
                                       credential=f"{ACCESS_ID}/{DAY}/auto/storage/goog4_request"))
add_policy("own starts-with", 204, own_policy([["starts-with", "$key", "form/"]], KEY_FIELD))
add_policy("own starts-with nothing", 204, own_policy([["starts-with", "$key", ""]], KEY_FIELD))
add_policy("own eq", 204, own_policy([["eq", "$key", "form/b.txt"]], KEY_FIELD))
add_policy("own ignored field", 204, {**own_policy(KEY, KEY_FIELD), "x-ignore-this": "z"})
v2_policy = base64.b64encode(json.dumps({"expiration": "2023-11-14T22:30:00Z", "conditions": [{"bucket": "bucket"}] + KEY}).encode()).decode()
V2_FIELDS = {**KEY_FIELD, "GoogleAccessId": EMAIL, "policy": v2_policy,
             "signature": base64.b64encode(rsa_sign(v2_policy.encode())).decode()}
add_policy("own version 2", 204, V2_FIELDS)
add_policy("expired", 400, own_policy(KEY, KEY_FIELD, expiration="2023-11-14T22:13:19Z"))
add_policy("no expiration", 400, own_policy([], KEY_FIELD, text=json.dumps({"conditions": KEY})))
add_policy("not JSON", 400, own_policy([], KEY_FIELD, text="{"))
add_policy("conditions no list", 400, own_policy([], KEY_FIELD, text=json.dumps({"conditions": {}, "expiration": "2023-11-14T22:30:00Z"})))
add_policy("unknown condition", 400, own_policy(KEY + [["ends-with", "$key", "t"]], KEY_FIELD))
add_policy("range upside down", 400, own_policy(KEY + [["content-length-range", 5, 1]], KEY_FIELD))
add_policy("too large", 400, own_policy(KEY + [["content-length-range", 0, 4]], KEY_FIELD))
add_policy("too small", 400, own_policy(KEY + [["content-length-range", 6, 10]], KEY_FIELD))
add_policy("another key", 403, {**own_policy(KEY, KEY_FIELD), "key": "form/c.txt"})
add_policy("key outside the prefix", 403, {**own_policy([["starts-with", "$key", "form/"]], KEY_FIELD), "key": "other/b.txt"})
add_policy("another bucket", 403, own_policy(KEY, KEY_FIELD), bucket="bucket2")
add_policy("a field nobody allowed", 403, {**own_policy(KEY, KEY_FIELD), "acl": "public-read"})
add_policy("a condition without its field", 403, own_policy(KEY + [{"acl": "private"}], KEY_FIELD))
add_policy("signature changed", 403, {**own_policy(KEY, KEY_FIELD), "x-goog-signature": "00" * 256})
add_policy("signature missing", 403, {k: v for k, v in own_policy(KEY, KEY_FIELD).items() if k != "x-goog-signature"})
add_policy("signature in upper case", 400, (lambda f: {**f, "x-goog-signature": f["x-goog-signature"].upper()})(own_policy(KEY, KEY_FIELD)))
add_policy("policy changed", 403, (lambda f: {**f, "policy": f["policy"][:-8] + "AAAAAAAA"})(own_policy(KEY, KEY_FIELD)))
add_policy("another account", 403, {**own_policy(KEY, KEY_FIELD), "x-goog-credential": f"eve@p.iam.gserviceaccount.com/{DAY}/auto/storage/goog4_request"})
add_policy("no policy at all", 401, KEY_FIELD)
add_policy("version 2 signature changed", 403, {**V2_FIELDS, "signature": base64.b64encode(b"\0" * 256).decode()})

path = pathlib.Path(__file__).parent / "vectors.json"
path.write_text(json.dumps({"email": EMAIL, "public_key": public_pem(key), "access_id": ACCESS_ID, "secret": SECRET,
                            "object": OBJECT, "requests": vectors, "policies": policies}, indent=1) + "\n")
print(f"{path.name}: {len(vectors)} requests, {len(policies)} form uploads")
