"""google-cloud-storage for Python, with a real credential and, where a client forces it, with none."""
import base64
import datetime
import gzip
import hashlib
import io
import os

import pytest
import requests
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.storage import transfer_manager

MIB = 1 << 20


@pytest.fixture(scope="module")
def client(server):
    return storage.Client.from_service_account_json(str(server.key_file), client_options={"api_endpoint": server.url})


@pytest.fixture(scope="module")
def shared(client):
    return client.create_bucket("py-shared")


@pytest.fixture
def bucket(client, request):
    name = "py-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    bucket = client.create_bucket(name)
    yield bucket
    for blob in client.list_blobs(bucket, versions=True):
        blob.delete()
    bucket.delete()


def put(bucket, name, data=b"x", **kwargs):
    blob = bucket.blob(name)
    blob.upload_from_string(data, **kwargs)
    return blob


# -- buckets

def test_bucket_life(client):
    bucket = client.create_bucket("py-life", location="europe-west1")
    assert client.lookup_bucket("py-life").location == "EUROPE-WEST1"
    assert "py-life" in [b.name for b in client.list_buckets(prefix="py-li")]
    with pytest.raises(exceptions.Conflict):
        client.create_bucket("py-life")
    put(bucket, "o")
    with pytest.raises(exceptions.Conflict):
        bucket.delete()
    bucket.delete(force=True)
    assert client.lookup_bucket("py-life") is None


@pytest.mark.parametrize("name", ["ab", "Upper", "goog-mine", "has_google_in", "1.2.3.4", "a..b"])
def test_bad_bucket_names(client, name):
    with pytest.raises(exceptions.BadRequest):
        client.create_bucket(client.bucket(name))


def test_bucket_settings(bucket):
    bucket.labels = {"team": "a", "env": "b"}
    bucket.versioning_enabled = True
    bucket.cors = [{"origin": ["http://x"], "method": ["GET"], "maxAgeSeconds": 3600}]
    bucket.configure_website("index.html", "404.html")
    bucket.enable_logging("logs", "p")
    bucket.default_event_based_hold = False
    bucket.add_lifecycle_delete_rule(age=30, matches_prefix=["tmp/"])
    bucket.add_lifecycle_set_storage_class_rule("NEARLINE", age=10)
    bucket.patch()
    bucket.reload()
    assert bucket.labels == {"team": "a", "env": "b"} and bucket.versioning_enabled
    assert bucket.cors[0]["maxAgeSeconds"] == 3600 and len(list(bucket.lifecycle_rules)) == 2
    before = bucket.metageneration
    bucket.labels = {"team": "c"}
    bucket.patch(if_metageneration_match=before)
    assert bucket.labels == {"team": "c"} and bucket.metageneration == before + 1
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=before)
    bucket.clear_lifecycle_rules()
    bucket.patch()
    assert not list(bucket.lifecycle_rules)


def test_uniform_access_and_prevention(bucket):
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.patch()
    bucket.reload()
    assert bucket.iam_configuration.uniform_bucket_level_access_enabled
    with pytest.raises(exceptions.BadRequest):
        put(bucket, "o", predefined_acl="publicRead")
    with pytest.raises(exceptions.PreconditionFailed):
        policy = bucket.get_iam_policy(requested_policy_version=3)
        policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
        bucket.set_iam_policy(policy)


def test_iam_opens_a_bucket_to_everybody_for_reading(server, bucket):
    put(bucket, "dir/o", b"public bytes")
    url = f"{server.url}/{bucket.name}/dir/o"
    assert requests.get(url).status_code == 401
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"allUsers"}})
    bucket.set_iam_policy(policy)
    assert bucket.test_iam_permissions(["storage.objects.get", "storage.objects.delete"]) == [
        "storage.objects.get", "storage.objects.delete"]
    assert requests.get(url).content == b"public bytes"
    assert requests.put(url, b"no").status_code == 401
    assert requests.delete(url).status_code == 401
    anonymous = storage.Client.create_anonymous_client()
    anonymous._connection.API_BASE_URL = server.url
    assert [b.name for b in anonymous.list_blobs(bucket.name)] == ["dir/o"]
    assert anonymous.bucket(bucket.name).blob("dir/o").download_as_bytes() == b"public bytes"


def test_acl_opens_an_object(server, bucket):
    blob = put(bucket, "o", b"b")
    url = f"{server.url}/{bucket.name}/o"
    assert requests.get(url).status_code == 401
    blob.make_public()
    assert requests.get(url).content == b"b"
    assert "READER" in blob.acl.all().get_roles()
    blob.make_private()
    assert requests.get(url).status_code == 401
    bucket.default_object_acl.all().grant_read()
    bucket.default_object_acl.save()
    put(bucket, "new", b"n")
    assert requests.get(f"{server.url}/{bucket.name}/new").content == b"n"


def test_notifications(client, bucket):
    made = bucket.notification("topic", topic_project="hodei-local", payload_format="NONE", custom_attributes={"a": "b"})
    made.create()
    listed = list(bucket.list_notifications())
    assert [n.notification_id for n in listed] == [made.notification_id]
    assert bucket.get_notification(made.notification_id).custom_attributes == {"a": "b"}
    made.delete()
    assert not list(bucket.list_notifications())


def test_service_account_email(client):
    assert "@" in client.get_service_account_email()


# -- uploads

@pytest.mark.parametrize("size", [0, 1, 4096, 256 * 1024 - 1, 3 * MIB])
def test_upload_and_download(shared, size):
    data = os.urandom(size)
    blob = shared.blob(f"sizes/{size}")
    blob.upload_from_string(data, content_type="x/y", checksum="md5")
    assert blob.size == size and blob.content_type == "x/y"
    assert blob.md5_hash == base64.b64encode(hashlib.md5(data).digest()).decode()
    assert blob.download_as_bytes(checksum="md5") == data
    assert blob.download_as_bytes(checksum="crc32c") == data


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 256 * 1024 + 1, 2 * MIB])
def test_resumable_in_chunks(shared, size):
    data = os.urandom(size)
    blob = shared.blob(f"chunks/{size}", chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(data), size=size, checksum="crc32c")
    assert blob.size == size and blob.download_as_bytes() == data


def test_resumable_of_unknown_size(shared):
    data = os.urandom(700_000)
    with shared.blob("stream").open("wb", chunk_size=256 * 1024) as writer:
        for at in range(0, len(data), 9000):
            writer.write(data[at:at + 9000])
    with shared.blob("stream").open("rb", chunk_size=100_000) as reader:
        assert reader.read() == data
        reader.seek(5)
        assert reader.read(10) == data[5:15]


def test_session_made_for_somebody_else(server, shared):
    url = shared.blob("session").create_resumable_upload_session(content_type="a/b", size=5)
    headers = {"Authorization": "Bearer " + server.token}
    asked = requests.put(url, headers={**headers, "Content-Range": "bytes */5"})
    assert asked.status_code == 308 and "Range" not in asked.headers
    part = requests.put(url, b"12", headers={**headers, "Content-Range": "bytes 0-1/5"})
    assert part.status_code == 308 and part.headers["Range"] == "bytes=0-1"
    assert requests.put(url, b"9", headers={**headers, "Content-Range": "bytes 4-4/5"}).status_code >= 400
    done = requests.put(url, b"345", headers={**headers, "Content-Range": "bytes 2-4/5"})
    assert done.status_code == 200 and done.json()["size"] == "5"
    assert requests.put(url, headers={**headers, "Content-Range": "bytes */5"}).json()["name"] == "session"


def test_cancelled_session(server, shared):
    url = shared.blob("cancelled").create_resumable_upload_session()
    headers = {"Authorization": "Bearer " + server.token}
    assert requests.delete(url, headers=headers).status_code == 499
    assert requests.put(url, b"x", headers=headers).status_code in (404, 410, 499)


def test_wrong_hash_leaves_nothing(shared):
    blob = shared.blob("wrong-hash")
    blob.md5_hash = base64.b64encode(bytes(16)).decode()
    with pytest.raises(exceptions.BadRequest):
        blob.upload_from_string(b"bytes")
    assert not shared.blob("wrong-hash").exists()


def test_transfer_manager_in_parts(shared, tmp_path):
    data = os.urandom(12 * MIB)
    (tmp_path / "big").write_bytes(data)
    blob = shared.blob("xml/multipart")
    blob.metadata = {"made": "in parts"}
    transfer_manager.upload_chunks_concurrently(str(tmp_path / "big"), blob, chunk_size=5 * MIB,
                                                worker_type=transfer_manager.THREAD, max_workers=3)
    blob.reload()
    assert blob.size == len(data) and blob.metadata == {"made": "in parts"}
    transfer_manager.download_chunks_concurrently(blob, str(tmp_path / "back"), chunk_size=5 * MIB,
                                                  worker_type=transfer_manager.THREAD, max_workers=3)
    assert (tmp_path / "back").read_bytes() == data


def test_transfer_manager_many(shared, tmp_path):
    for i in range(10):
        (tmp_path / f"f{i}").write_text(str(i))
    transfer_manager.upload_many_from_filenames(shared, [f"f{i}" for i in range(10)], source_directory=str(tmp_path),
                                                blob_name_prefix="many/", worker_type=transfer_manager.THREAD)
    assert len(list(shared.list_blobs(prefix="many/"))) == 10


# -- objects

def test_resource_fields(server, shared):
    blob = put(shared, "fields/a b", b"hello", content_type="text/plain")
    blob.reload(projection="full")
    assert blob.crc32c == "mnG7TA==" and blob.etag and blob.generation and blob.metageneration == 1
    assert blob.time_created.tzinfo and blob.updated and blob.storage_class == "STANDARD"
    assert blob.id == f"{shared.name}/fields/a b/{blob.generation}"
    assert blob.self_link == f"{server.url}/storage/v1/b/{shared.name}/o/fields%2Fa%20b"
    assert requests.get(blob.media_link, headers={"Authorization": "Bearer " + server.token}).content == b"hello"


@pytest.mark.parametrize("name", [
    "a", "a/", "a/b", "a//b", "/lead", "../up", "a/../b", "acl", "x/acl", "compose", "o", "b/o/c", "rewriteTo", "a?b#c",
    "a%2Fb", "a+b c", "100%", "\\back\\slash", "\u00fc\u4e2d\U0001f600", "e\u0301 e\u0301", "x" * 1024, "s/" + "y" * 600, "\ttab",
    "{glob}*?[x]", "a;b=c&d", ".hidden", "...", "a|b\"c'<d>"])
def test_names(shared, name):
    data = name.encode()
    put(shared, name, data)
    assert shared.blob(name).download_as_bytes() == data
    assert name in [b.name for b in shared.list_blobs(prefix=name)]
    copied = shared.copy_blob(shared.blob(name), shared, "copied")
    assert copied.size == len(data)
    shared.blob(name).delete()
    assert not shared.blob(name).exists()


@pytest.mark.parametrize("name", [".", "..", "a\nb", "a\rb", "z" * 1025, ".well-known/acme-challenge/x"])
def test_bad_names(shared, name):
    with pytest.raises(exceptions.BadRequest):
        put(shared, name)


def test_metadata(shared):
    blob = put(shared, "meta")
    blob.metadata = {"a": "1", "b": "2"}
    blob.cache_control, blob.content_disposition, blob.content_language = "no-cache", "attachment", "de"
    blob.custom_time = datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc)
    blob.patch()
    blob.metadata = {"a": None}
    blob.patch()
    blob.reload()
    assert blob.metadata == {"b": "2"} and blob.metageneration == 3 and blob.content_language == "de"
    assert blob.custom_time.year == 2024
    blob.content_type = "x/z"
    blob.update()
    assert blob.content_type == "x/z"


def test_ranges(shared):
    blob = put(shared, "ranges", bytes(range(100)))
    assert blob.download_as_bytes(start=10, end=19) == bytes(range(10, 20))
    assert blob.download_as_bytes(start=90) == bytes(range(90, 100))
    assert blob.download_as_bytes(start=-5) == bytes(range(95, 100))
    assert blob.download_as_bytes(start=50, end=1000) == bytes(range(50, 100))
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=100, checksum=None)


def test_generations_and_preconditions(bucket):
    bucket.versioning_enabled = True
    bucket.patch()
    first = put(bucket, "o", b"1", if_generation_match=0).generation
    with pytest.raises(exceptions.PreconditionFailed):
        put(bucket, "o", b"no", if_generation_match=0)
    second = put(bucket, "o", b"2", if_generation_match=first).generation
    assert second > first
    assert bucket.blob("o", generation=first).download_as_bytes() == b"1"
    with pytest.raises(exceptions.NotModified):
        bucket.blob("o").reload(if_generation_not_match=second, retry=None)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("o").download_as_bytes(if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("o").delete(if_generation_match=first)
    assert [b.generation for b in bucket.list_blobs(versions=True)] == [first, second]
    bucket.blob("o").delete()
    assert not bucket.blob("o").exists() and bucket.blob("o", generation=second).exists()
    restored = bucket.copy_blob(bucket.blob("o"), bucket, "o", source_generation=first)
    assert restored.generation > second and bucket.blob("o").download_as_bytes() == b"1"
    with pytest.raises(exceptions.NotFound):
        bucket.blob("none").reload()


def test_compose(shared):
    parts = [put(shared, f"parts/{i}", str(i).encode() * 10) for i in range(32)]
    whole = shared.blob("whole")
    whole.content_type = "text/plain"
    whole.compose(parts)
    assert whole.component_count == 32 and whole.md5_hash is None
    assert whole.download_as_bytes() == b"".join(str(i).encode() * 10 for i in range(32))
    with pytest.raises(exceptions.PreconditionFailed):
        whole.compose(parts[:2], if_generation_match=1)
    with pytest.raises(exceptions.NotFound):
        shared.blob("w2").compose([shared.blob("none")])
    with pytest.raises(exceptions.BadRequest):
        shared.blob("w2").compose(parts + [whole])


def test_rewrite_in_steps(shared):
    source = put(shared, "rewrite", os.urandom(2 * MIB + 7))
    target = shared.blob("rewritten")
    token, done, total = target.rewrite(source)
    assert token is None and done == total == source.size
    target.update_storage_class("COLDLINE")
    target.reload()
    assert target.storage_class == "COLDLINE" and target.download_as_bytes() == source.download_as_bytes()


def test_rename_and_move(shared):
    put(shared, "old", b"move me")
    assert shared.rename_blob(shared.blob("old"), "new").name == "new"
    assert not shared.blob("old").exists()
    assert shared.move_blob(shared.blob("new"), "newer").size == 7
    assert shared.blob("newer").download_as_bytes() == b"move me" and not shared.blob("new").exists()


def test_gzip_transcoding(shared):
    plain = b"text " * 1000
    blob = shared.blob("zipped.txt")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(plain), content_type="text/plain")
    assert blob.download_as_bytes() == plain
    assert gzip.decompress(blob.download_as_bytes(raw_download=True)) == plain
    plainly = requests.get(blob.media_link, headers={"Authorization": shared.client._credentials.token and
                                                     "Bearer " + shared.client._credentials.token,
                                                     "Accept-Encoding": "identity"})
    assert plainly.content == plain and "Content-Encoding" not in plainly.headers


def test_holds(bucket):
    blob = put(bucket, "held")
    blob.temporary_hold = True
    blob.patch()
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    with pytest.raises(exceptions.Forbidden):
        put(bucket, "held", b"over")
    blob.temporary_hold = False
    blob.event_based_hold = True
    blob.patch()
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    blob.event_based_hold = False
    blob.patch()


def test_retention(client):
    bucket = client.create_bucket("py-retention")
    bucket.retention_period = 1000
    bucket.patch()
    blob = put(bucket, "kept")
    blob.reload()
    assert blob.retention_expiration_time > blob.time_created
    with pytest.raises(exceptions.Forbidden):
        blob.delete()
    bucket.lock_retention_policy()
    assert bucket.retention_policy_locked
    bucket.retention_period = 1
    with pytest.raises(exceptions.Forbidden):
        bucket.patch()


# -- listing

@pytest.fixture(scope="module")
def tree(client):
    bucket = client.create_bucket("py-tree")
    for name in ["a", "b/1", "b/2", "b/c/1", "b/", "d.txt", "e.txt", "z"]:
        put(bucket, name)
    return bucket


def test_list_delimiter(client, tree):
    listing = client.list_blobs(tree, delimiter="/")
    assert [b.name for b in listing] == ["a", "d.txt", "e.txt", "z"] and listing.prefixes == {"b/"}
    listing = client.list_blobs(tree, prefix="b/", delimiter="/")
    assert [b.name for b in listing] == ["b/", "b/1", "b/2"] and listing.prefixes == {"b/c/"}
    listing = client.list_blobs(tree, delimiter="/", include_trailing_delimiter=True)
    assert "b/" in [b.name for b in listing]


def test_list_ranges_and_globs(client, tree):
    names = lambda **kwargs: [b.name for b in client.list_blobs(tree, **kwargs)]
    assert names(start_offset="b/2", end_offset="e.txt") == ["b/2", "b/c/1", "d.txt"]
    assert names(match_glob="*.txt") == ["d.txt", "e.txt"]
    assert names(match_glob="**1") == ["b/1", "b/c/1"]
    assert names(match_glob="{a,z}") == ["a", "z"]
    assert names(max_results=3) == ["a", "b/", "b/1"]
    with pytest.raises(exceptions.BadRequest):
        names(page_token="garbage")


def test_list_pages(client, tree):
    seen = []
    for page in client.list_blobs(tree, page_size=2).pages:
        part = [b.name for b in page]
        assert len(part) <= 2
        seen += part
    assert seen == sorted(seen) and len(seen) == 8


def test_list_fields(client, tree):
    blobs = list(client.list_blobs(tree, fields="items(name),nextPageToken"))
    assert len(blobs) == 8 and blobs[0].size is None


# -- batch, keys, signatures

def test_batch(client, bucket):
    blobs = [put(bucket, f"b{i}") for i in range(5)]
    with client.batch():
        for blob in blobs[:4]:
            blob.metadata = {"batched": "yes"}
            blob.patch()
    assert bucket.get_blob("b3").metadata == {"batched": "yes"}
    with pytest.raises(exceptions.NotFound):
        with client.batch():
            bucket.blob("none").delete()
            blobs[0].delete()
    assert not blobs[0].exists()
    with client.batch(raise_exception=False) as batch:
        bucket.blob("none").delete()
        blobs[1].delete()
    assert [r.status_code for r in batch._responses] == [404, 204]


def test_signed_urls(server, shared):
    blob = put(shared, "signed/o b", b"signed bytes")
    get = blob.generate_signed_url(version="v4", expiration=60, api_access_endpoint=server.url)
    assert requests.get(get).content == b"signed bytes"
    assert requests.get(get.replace("signed/o", "signed/p")).status_code == 403
    assert requests.get(get[:-2] + "00").status_code == 403
    assert requests.delete(get).status_code == 403
    put_url = shared.blob("signed/up").generate_signed_url(version="v4", expiration=60, method="PUT", content_type="a/b",
                                                           api_access_endpoint=server.url)
    assert requests.put(put_url, b"up", headers={"Content-Type": "a/c"}).status_code == 403
    assert requests.put(put_url, b"up", headers={"Content-Type": "a/b"}).status_code == 200
    assert shared.blob("signed/up").download_as_bytes() == b"up"
    old = blob.generate_signed_url(version="v2", expiration=datetime.timedelta(seconds=60), api_access_endpoint=server.url)
    assert requests.get(old).content == b"signed bytes"
    named = blob.generate_signed_url(version="v4", expiration=60, response_disposition="attachment; filename=x",
                                     response_type="a/b", api_access_endpoint=server.url)
    answer = requests.get(named)
    assert answer.headers["Content-Disposition"] == "attachment; filename=x" and answer.headers["Content-Type"] == "a/b"


def test_signed_resumable(server, shared):
    url = shared.blob("signed/session").generate_signed_url(version="v4", expiration=60, method="RESUMABLE",
                                                            api_access_endpoint=server.url)
    started = requests.post(url, headers={"x-goog-resumable": "start"})
    assert started.status_code == 201
    assert requests.put(started.headers["Location"], b"in a session").status_code == 200
    assert shared.blob("signed/session").download_as_bytes() == b"in a session"
    assert requests.post(url).status_code == 403


def test_post_policy(server, client, shared):
    policy = client.generate_signed_post_policy_v4(
        shared.name, "form/${filename}", expiration=datetime.timedelta(seconds=60),
        conditions=[["content-length-range", 0, 10]], fields={"success_action_status": "201"})
    url = f"{server.url}/{shared.name}"
    answer = requests.post(url, data=policy["fields"], files={"file": ("f.txt", b"12345")})
    assert answer.status_code == 201 and "<Key>form/f.txt</Key>" in answer.text
    assert requests.post(url, data=policy["fields"], files={"file": ("f.txt", b"1" * 11)}).status_code == 400
    assert requests.post(url, data={**policy["fields"], "acl": "public-read"}, files={"file": b"1"}).status_code == 403


def test_hmac_keys(client):
    key, secret = client.create_hmac_key(client._credentials.service_account_email)
    assert len(secret) == 40 and key.state == "ACTIVE"
    assert key.access_id in [k.access_id for k in client.list_hmac_keys()]
    key.state = "INACTIVE"
    key.update()
    assert client.get_hmac_key_metadata(key.access_id).state == "INACTIVE"
    key.delete()
    assert not key.exists()


# -- the emulator, where the library goes anonymous

def test_emulator_host(emulator, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
    client = storage.Client()
    bucket = client.create_bucket("py-emulator")
    put(bucket, "o", b"no credential")
    assert [b.name for b in client.list_blobs("py-emulator")] == ["o"]
    assert client.bucket("py-emulator").blob("o").download_as_bytes() == b"no credential"
    assert [b.name for b in client.list_buckets()] == ["py-emulator"]
