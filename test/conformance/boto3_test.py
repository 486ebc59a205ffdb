"""boto3 with an HMAC key: S3's dialect over the XML API."""
import os

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from google.cloud import storage


@pytest.fixture(scope="module")
def s3(server):
    google = storage.Client.from_service_account_json(str(server.key_file), client_options={"api_endpoint": server.url})
    key, secret = google.create_hmac_key(google._credentials.service_account_email)
    s3 = boto3.client("s3", endpoint_url=server.url, aws_access_key_id=key.access_id, aws_secret_access_key=secret,
                      region_name="auto", config=Config(signature_version="s3v4", s3={"addressing_style": "path"},
                                                        request_checksum_calculation="when_required",
                                                        response_checksum_validation="when_required"))
    s3.create_bucket(Bucket="boto-bucket")
    return s3


def test_objects(s3):
    s3.put_object(Bucket="boto-bucket", Key="dir/a b", Body=b"bytes", ContentType="a/b", Metadata={"k": "v"})
    got = s3.get_object(Bucket="boto-bucket", Key="dir/a b")
    assert got["Body"].read() == b"bytes" and got["ContentType"] == "a/b" and got["Metadata"] == {"k": "v"}
    assert s3.get_object(Bucket="boto-bucket", Key="dir/a b", Range="bytes=1-2")["Body"].read() == b"yt"
    assert s3.head_object(Bucket="boto-bucket", Key="dir/a b")["ContentLength"] == 5
    s3.copy_object(Bucket="boto-bucket", Key="copy", CopySource={"Bucket": "boto-bucket", "Key": "dir/a b"})
    assert s3.get_object(Bucket="boto-bucket", Key="copy")["Body"].read() == b"bytes"
    s3.delete_object(Bucket="boto-bucket", Key="copy")
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket="boto-bucket", Key="copy")
    assert error.value.response["Error"]["Code"] == "NoSuchKey"


def test_listing(s3):
    for i in range(5):
        s3.put_object(Bucket="boto-bucket", Key=f"list/{i}", Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="boto-bucket", Prefix="list/", PaginationConfig={"PageSize": 2})
    assert [o["Key"] for page in pages for o in page["Contents"]] == [f"list/{i}" for i in range(5)]
    assert s3.list_objects_v2(Bucket="boto-bucket", Delimiter="/")["CommonPrefixes"][-1] == {"Prefix": "list/"}
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["boto-bucket"]


def test_multipart(s3, tmp_path):
    data = os.urandom(11 * 2**20)
    (tmp_path / "f").write_bytes(data)
    s3.upload_file(str(tmp_path / "f"), "boto-bucket", "multi",
                   Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20))
    s3.download_file("boto-bucket", "multi", str(tmp_path / "g"))
    assert (tmp_path / "g").read_bytes() == data
    started = s3.create_multipart_upload(Bucket="boto-bucket", Key="never")
    part = s3.upload_part(Bucket="boto-bucket", Key="never", UploadId=started["UploadId"], PartNumber=1, Body=b"x")
    listed = s3.list_parts(Bucket="boto-bucket", Key="never", UploadId=started["UploadId"])
    assert listed["Parts"][0]["ETag"] == part["ETag"]
    s3.abort_multipart_upload(Bucket="boto-bucket", Key="never", UploadId=started["UploadId"])
    with pytest.raises(ClientError) as error:
        s3.list_parts(Bucket="boto-bucket", Key="never", UploadId=started["UploadId"])
    assert error.value.response["Error"]["Code"] == "NoSuchUpload"


def test_presigned(s3):
    s3.put_object(Bucket="boto-bucket", Key="presigned", Body=b"p")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "boto-bucket", "Key": "presigned"}, ExpiresIn=60)
    assert requests.get(url).content == b"p"
    assert requests.get(url.replace("presigned?", "dir/a%20b?")).status_code == 403
