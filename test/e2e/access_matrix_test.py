"""Every route for every role (T5): what the tables of routes and roles say is what the server does.

The routes of the REST surface are those of test/golden/routes.txt, which router_test keeps; who holds a
permission is test/golden/roles.txt, which access_test keeps; the calls of Cloud Storage are the enumerators of
src/wire/gcs/route.h. A route or call that is new is asked for here without a further word, or fails this file
until it says what it needs.
"""
import base64
import json
import re

import google.auth.transport.requests
import pytest
import requests
from google.oauth2 import service_account

from conftest import ROOT

GOLDEN = ROOT / "test" / "golden"
PROJECT, OTHERS, GONE, NEVER = "hodei-local", "matrix-others", "matrix-gone", "matrix-never-was"
# Authorization comes before the request is looked at; this ends every allowed call right after it, unexecuted.
UNKNOWN_PARAMETER = "no_such_parameter=1"


def routes():
    """(verb, path template, permission or None, method) of the REST surface."""
    for line in (GOLDEN / "routes.txt").read_text().splitlines():
        verb, path, permission, method = re.match(r"(\S+)\s+(\S+)\s+(\(any principal\)|\S+)\s+(\S+)$", line).groups()
        yield verb, path, None if permission.startswith("(") else permission, method


def holders():
    """permission → roles that hold it."""
    lines = (GOLDEN / "roles.txt").read_text().splitlines()
    return {name: words.split() for name, words in (line.split(":", 1) for line in lines if not line.startswith("#"))}


HOLDERS = holders()
TO_COME = (GOLDEN / "unimplemented_methods.txt").read_text().split()
ROLES = sorted({role for roles in HOLDERS.values() for role in roles if role.startswith("roles/")})


def path_for(template, project):
    """The template with `project` in its place and names of nothing in the others."""
    path = re.sub(r"\{\w+=([^}]*)\}", lambda m: m.group(1), template)
    path = path.replace("projects/**", "projects/*/models/absent/versions/absent")
    path = re.sub(r"projects/\{\w+\}", "projects/*", path).replace("{resource}", "*").replace("{project_id}", "*")
    path = path.replace("projects/*", f"projects/{project}", 1)
    assert "{" not in path, f"{template}: teach path_for() this form"
    return path.replace("*", "absent")


class World:
    """A server with an account for each role, a stranger with a project of his own, and one of a deleted project."""

    def __init__(self, server):
        self.url = server.url
        self.owner = {"Authorization": "Bearer " + server.token}
        self.callers = {role: self.account(PROJECT, f"matrix-{number}", role) for number, role in enumerate(ROLES)}
        self.callers["nobody"] = self.account(PROJECT, "matrix-nobody", None)
        for project in (OTHERS, GONE):
            assert self.call(self.owner, "POST", "/v1/projects", {"projectId": project}).status_code == 200
        self.callers["stranger"] = self.account(OTHERS, "matrix-stranger", "roles/owner")
        self.numbers = {p: self.call(self.owner, "GET", f"/v1/projects/{p}").json()["projectNumber"]
                        for p in (PROJECT, OTHERS)}
        # The owner of this server made that project and would see into it: only the stranger may.
        policy = {"bindings": [{"role": "roles/owner", "members": [f"serviceAccount:matrix-stranger@{OTHERS}.iam.gserviceaccount.com"]}]}
        assert self.call(self.owner, "POST", f"/v1/projects/{OTHERS}:setIamPolicy", {"policy": policy}).status_code == 200
        assert self.call(self.owner, "DELETE", f"/v1/projects/{GONE}").status_code == 200

    def call(self, headers, verb, path, body=None):
        return requests.request(verb, self.url + path, headers=headers, timeout=60,
                                data=json.dumps(body) if body is not None else None)

    def ask(self, caller, verb, path, body=None):
        return self.call(self.callers[caller], verb, path, body)

    def account(self, project, name, role):
        accounts = f"/v1/projects/{project}/serviceAccounts"
        made = self.call(self.owner, "POST", accounts, {"accountId": name, "serviceAccount": {"displayName": name}})
        assert made.status_code == 200, made.text
        email = made.json()["email"]
        key = self.call(self.owner, "POST", f"{accounts}/{email}/keys", {})
        assert key.status_code == 200, key.text
        if role:
            policy = self.call(self.owner, "POST", f"/v1/projects/{project}:getIamPolicy", {}).json()
            policy.setdefault("bindings", []).append({"role": role, "members": [f"serviceAccount:{email}"]})
            done = self.call(self.owner, "POST", f"/v1/projects/{project}:setIamPolicy", {"policy": policy})
            assert done.status_code == 200, done.text
        credentials = service_account.Credentials.from_service_account_info(
            json.loads(base64.b64decode(key.json()["privateKeyData"])),
            scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(google.auth.transport.requests.Request())
        return {"Authorization": "Bearer " + credentials.token}


@pytest.fixture(scope="module")
def world(server):
    return World(server)


def anonymised(text, *names):
    """Without what the caller himself said: his words come back in messages."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(str(name), "P")
    return text


@pytest.mark.parametrize("verb, template, permission, method", [r for r in routes() if r[2]],
                         ids=[r[3] for r in routes() if r[2]])
def test_a_route_is_for_the_roles_that_hold_its_permission(world, verb, template, permission, method):
    query = ("&" if "?" in template else "?") + UNKNOWN_PARAMETER
    for project in (PROJECT, world.numbers[PROJECT]):
        path = path_for(template, project) + query
        for role in [*ROLES, "nobody", "stranger"]:
            status = world.ask(role, verb, path).status_code
            # Who may comes as far as the unknown parameter, the absent thing or the method that is still to come.
            expected = (400, 404, *([501] if method in TO_COME else [])) if role in HOLDERS[permission] else (403,)
            assert status in expected, f"{role}: {verb} {path} is {status}"


@pytest.mark.parametrize("verb, template", [(r[0], r[1]) for r in routes() if r[2]], ids=[r[3] for r in routes() if r[2]])
def test_anothers_project_a_deleted_one_and_none_look_the_same(world, verb, template):
    answers = {}
    for project in (OTHERS, world.numbers[OTHERS], GONE, NEVER):
        for body in (None, {"x": 1}):
            answer = world.ask("roles/owner", verb, path_for(template, project), body)
            assert answer.status_code == 403, f"{verb} {template} of {project}: {answer.status_code} {answer.text}"
            answers[anonymised(answer.text, project, world.numbers[OTHERS])] = project
    assert len(answers) == 1, answers
    # An escaped slash leads nowhere else.
    assert world.ask("nobody", verb, path_for(template, f"{OTHERS}%2F..%2F{PROJECT}")).status_code in (400, 403, 404)


# Routes that every principal may call: what a stranger gets of PROJECT there. None: the same 403 as above, by the
# service itself, without a word about whether the thing exists.
ANY_PRINCIPAL = {
    "CreateProject": ({"projectId": PROJECT, "name": "x"}, (403, 409)),  # taken; who may not make any is told that first
    "ListProjects": (None, lambda answer: PROJECT not in answer.text),
    "TestProjectIamPermissions": ({"permissions": ["ml.jobs.get"]}, lambda answer: answer.status_code == 403 or not answer.json().get("permissions")),
    "TestJobIamPermissions": ({"permissions": ["ml.jobs.get"]}, lambda answer: answer.status_code in (403, 404) or not answer.json().get("permissions")),
    "TestModelIamPermissions": ({"permissions": ["ml.models.get"]}, lambda answer: answer.status_code in (403, 404) or not answer.json().get("permissions")),
    "ListLogEntries": ({"resourceNames": [f"projects/{PROJECT}"]}, None),
    **{method: ({}, None) for method in (
        "GetServiceAccount", "DeleteServiceAccount", "DisableServiceAccount", "EnableServiceAccount",
        "CreateServiceAccountKey", "ListServiceAccountKeys", "GetServiceAccountKey", "DeleteServiceAccountKey")},
}


def test_routes_without_a_permission_decide_for_themselves(world):
    for verb, template, permission, method in routes():
        if permission:
            continue
        name = method.rsplit(".", 1)[1]
        assert name in ANY_PRINCIPAL, f"{method} asks for no permission: say here what a stranger gets"
        body, expected = ANY_PRINCIPAL[name]
        for caller in ("stranger", "nobody"):
            answer = world.ask(caller, verb, path_for(template, PROJECT), None if verb in ("GET", "DELETE") else body)
            said = f"{caller}: {verb} {template}: {answer.status_code} {answer.text}"
            if expected is None:
                assert answer.status_code == 403, said
            elif isinstance(expected, tuple):
                assert answer.status_code in expected, said
            else:
                assert answer.status_code < 500 and expected(answer), said


BUCKET = "matrix-bucket"
B, O = "/storage/v1/b/{bucket}", "/storage/v1/b/{bucket}/o/object"
NOT_NOW = "ifMetagenerationMatch=999"  # 412 after the check, so nothing is changed
HMAC = f"/storage/v1/projects/{PROJECT}/hmacKeys"
# Call of route.h → (verb, path, permissions) of it; None: which depends on the thing, but no stranger. An empty list: nothing of anybody's is behind it.
STORAGE_CALLS = {
    "kUnknown": [],
    "kListBuckets": [("GET", f"/storage/v1/b?project={PROJECT}", "storage.buckets.list")],
    "kInsertBucket": [("POST", f"/storage/v1/b?project={PROJECT}", "storage.buckets.create")],
    "kGetBucket": [("GET", B, "storage.buckets.get")],
    "kPatchBucket": [("PATCH", f"{B}?{NOT_NOW}", "storage.buckets.update")],
    "kUpdateBucket": [("PUT", f"{B}?{NOT_NOW}", "storage.buckets.update")],
    "kDeleteBucket": [("DELETE", f"{B}?{NOT_NOW}", "storage.buckets.delete")],
    "kStorageLayout": [("GET", B + "/storageLayout", "storage.objects.list")],
    "kEmptyList": [("GET", B + "/managedFolders", None)],
    "kAbsentChild": [("GET", B + "/managedFolders/x", None)],
    "kGetBucketPolicy": [("GET", B + "/iam", "storage.buckets.getIamPolicy")],
    "kSetBucketPolicy": [("PUT", B + "/iam", "storage.buckets.setIamPolicy")],
    "kTestBucketPermissions": [],  # answers with what the caller holds: the matrix of access_test
    "kBucketAcl": [("GET", B + "/acl", None)],
    "kDefaultObjectAcl": [("GET", B + "/defaultObjectAcl", None)],
    "kObjectAcl": [("GET", O + "/acl", "storage.objects.getIamPolicy"), ("POST", O + "/acl", "storage.objects.setIamPolicy")],
    "kNotifications": [("GET", B + "/notificationConfigs", None)],
    "kLockRetention": [("POST", f"{B}/lockRetentionPolicy?{NOT_NOW}", "storage.buckets.update")],
    "kListObjects": [("GET", B + "/o", "storage.objects.list")],
    "kInsertObject": [("POST", "/upload" + B + "/o?uploadType=media&name=new&ifGenerationMatch=999", "storage.objects.create")],
    "kGetObject": [("GET", O, "storage.objects.get"), ("GET", O + "?alt=media", "storage.objects.get")],
    "kDownload": [("GET", "/download" + O, "storage.objects.get")],
    "kPatchObject": [("PATCH", f"{O}?{NOT_NOW}", "storage.objects.update")],
    "kUpdateObject": [("PUT", f"{O}?{NOT_NOW}", "storage.objects.update")],
    "kDeleteObject": [("DELETE", f"{O}?{NOT_NOW}", "storage.objects.delete")],
    "kCompose": [("POST", f"{O}/compose?ifGenerationMatch=999", "storage.objects.get storage.objects.create")],
    "kRewrite": [("POST", O + "/rewriteTo/b/{bucket}/o/new?ifGenerationMatch=999", "storage.objects.get storage.objects.create")],
    "kCopy": [("POST", O + "/copyTo/b/{bucket}/o/new?ifGenerationMatch=999", "storage.objects.get storage.objects.create")],
    "kMove": [("POST", O + "/moveTo/o/new?ifGenerationMatch=999",
               "storage.objects.get storage.objects.create storage.objects.delete")],
    "kRestore": [("POST", O + "/restore?generation=1", "storage.objects.get storage.objects.create")],
    "kServiceAccount": [("GET", f"/storage/v1/projects/{PROJECT}/serviceAccount", None)],
    "kHmacKeys": [("GET", HMAC, "storage.hmacKeys.list"), ("GET", HMAC + "/absent", "storage.hmacKeys.get"),
                  ("DELETE", HMAC + "/absent", "storage.hmacKeys.delete")],
    "kBatch": [],  # its parts are calls of their own
    "kXmlService": [],
    "kXmlBucket": [("GET", "/{bucket}", "storage.objects.list")],
    "kXmlObject": [("GET", "/{bucket}/object", "storage.objects.get")],
}


def test_every_call_of_the_store_is_in_the_table():
    header = (ROOT / "src" / "wire" / "gcs" / "route.h").read_text()
    enumerators = re.findall(r"\b(k\w+),", re.search(r"enum class Call \{(.*?)\};", header, re.S).group(1))
    assert len(enumerators) > 30
    assert sorted(enumerators) == sorted(STORAGE_CALLS)


@pytest.fixture(scope="module")
def bucket(world):
    assert world.call(world.owner, "POST", f"/storage/v1/b?project={PROJECT}", {"name": BUCKET}).status_code == 200
    put = requests.post(f"{world.url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=object", data=b"secret", headers=world.owner, timeout=60)
    assert put.status_code == 200
    return BUCKET


@pytest.mark.parametrize("call", [c for c, probes in STORAGE_CALLS.items() if probes])
def test_a_call_of_the_store_is_for_the_roles_that_hold_its_permission(world, bucket, call):
    for verb, path, permissions in STORAGE_CALLS[call]:
        there, absent = path.replace("{bucket}", bucket), path.replace("{bucket}", "matrix-absent")
        for role in [*ROLES, "nobody", "stranger"]:
            body = {} if verb in ("POST", "PUT", "PATCH") else None
            answer = world.ask(role, verb, there, body)
            said = f"{role}: {verb} {there}: {answer.status_code} {answer.text[:300]}"
            refused = answer.status_code == 403 or (
                "{bucket}" in path and answer.status_code == 404 and
                anonymised(answer.text, bucket) == anonymised(world.ask(role, verb, absent, body).text, "matrix-absent"))
            assert answer.status_code < 500, said
            if role in ("nobody", "stranger"):
                assert refused, said
            elif permissions:
                assert refused != all(role in HOLDERS[one] for one in permissions.split()), said
    # Nothing that was allowed was done.
    assert requests.get(f"{world.url}/storage/v1/b/{bucket}/o/object?alt=media", headers=world.owner, timeout=60).content == b"secret"


def test_names_of_buckets_that_are_not_ones_own_look_like_none(world, bucket):
    for call, probes in STORAGE_CALLS.items():
        for verb, path, _ in probes:
            if "{bucket}" not in path:
                continue
            body = {} if verb in ("POST", "PUT", "PATCH") else None
            there = world.ask("stranger", verb, path.replace("{bucket}", bucket), body)
            none = world.ask("stranger", verb, path.replace("{bucket}", "matrix-absent"), body)
            assert (there.status_code, anonymised(there.text, bucket)) == (none.status_code, anonymised(none.text, "matrix-absent")), call
